"""`memory-worker publish`, `remember`: events out; a bad line costs only itself."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from tablestore_memory.producer import Publisher
from tablestore_memory.producer.clock import Clock, EventIds
from tablestore_memory.producer.drops import REJECTED
from tablestore_memory.producer.errors import (
    BadSetting,
)
from tablestore_memory.producer.lines import from_line
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.worker.cli.audited import audited
from tablestore_memory.worker.cli.opened import redis_alone, redis_answering
from tablestore_memory.worker.cli.output import (
    LATE,
    WRONG,
    Json,
    counted,
    fail,
    note,
    print_json,
    printable,
)
from tablestore_memory.worker.state.connection import connect_redis

_FLUSH_S = 60.0


def publish(
    file: Annotated[str, typer.Argument(help="A file of JSON lines; - is standard input.")] = "-",
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Instead, what publishers here had to set aside.")
    ] = False,
    json: Json = False,
) -> None:
    """Publish events, one JSON object a line: message, session_end, remember, forget and the others.

    A bad line is reported with its number and skipped; the exit code is then 2.
    """
    if dead_letters:
        _requeue(json)
        return
    with redis_alone() as services:
        audited(services, "publish")
    published = bad = 0
    ids, clock = EventIds(), Clock()
    with _opened(file) as lines, publisher() as outgoing:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                outgoing.publish(from_line(line, ids=ids, clock=clock))
                published += 1
            except MalformedEvent as error:
                bad += 1
                print(printable(f"line {number}: {error}"), file=sys.stderr)
    if json:
        print_json({"published": published, "bad_lines": bad})
    else:
        skipped = f", skipped {counted(bad, 'bad line')}" if bad else ""
        note(f"published {counted(published, 'event')}{skipped}")
    if bad:
        raise typer.Exit(WRONG)


def _requeue(json: bool) -> None:
    """What Redis refused, from the journals' folder; what it refuses again stands there again."""
    with publisher() as outgoing:
        counts = outgoing.requeue(_FLUSH_S)
        refused = outgoing.stats().dropped.get(REJECTED, 0)
    if counts is None:
        fail(LATE, f"not all events reached Redis within {_FLUSH_S:.0f} s; do it again")
    told = {"published": counts.events - refused, "refused": refused, "no_events": counts.stay}
    if json:
        print_json(told)
    else:
        note(
            f"published {told['published']} events; {refused} were refused again, "
            f"{counts.stay} letters hold none"
        )


def remember(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    text: Annotated[str, typer.Argument(help="What to remember, as it stands.")],
    json: Json = False,
) -> None:
    """Remember a text about a user, as it stands."""
    with redis_alone() as services:
        audited(services, "remember", user)
    event_id = publish_one({"type": "remember", "user_id": user, "text": text})
    if json:
        print_json({"event_id": event_id})
    else:
        note("published; `memory-worker wait` returns when it is searchable")


def publish_one(draft: dict[str, Any]) -> str:
    """Publish an event and return its id. A malformed one ends the command."""
    with publisher() as outgoing:
        try:
            return outgoing.publish(from_line(draft))
        except MalformedEvent as error:
            fail(WRONG, str(error))


@contextmanager
def publisher() -> Iterator[Publisher]:
    """A publisher that waits for room and for delivery: nothing else runs in this process."""
    try:
        outgoing = Publisher(durability="memory", when_full="block", block_timeout_s=_FLUSH_S)
    except BadSetting as error:
        fail(WRONG, f"wrong settings: {error}")
    url = os.environ.get("REDIS_URL") or "redis://localhost:6379/0"
    with redis_answering(url):
        connect_redis(url).ping()
    with outgoing:
        yield outgoing
        if not outgoing.flush(_FLUSH_S):
            fail(LATE, f"not all events reached Redis within {_FLUSH_S:.0f} s; publish them again")


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as lines:
            yield lines
    except OSError as error:
        fail(WRONG, f"cannot read {file}: {error.strerror}")

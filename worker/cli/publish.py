"""`memory-worker publish`, `remember`, `forget`: events out; a bad line costs only itself."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from redis.exceptions import RedisError

from tablestore_memory.producer import Publisher
from tablestore_memory.producer.clock import Clock, EventIds
from tablestore_memory.producer.errors import (
    BadSetting,
)
from tablestore_memory.producer.lines import from_line
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.worker.cli.output import (
    LATE,
    WRONG,
    Json,
    err,
    fail,
    opened,
    print_json,
    redis_unreachable,
)
from tablestore_memory.worker.connection import connect_redis
from tablestore_memory.worker.extract.forget.receipts import Receipt

_FLUSH_S = 60.0


def publish(
    file: Annotated[str, typer.Argument(help="A file of JSON lines; - is standard input.")] = "-",
    json: Json = False,
) -> None:
    """Publish events, one JSON object a line: message, session_end, remember, forget.

    A bad line is reported with its number and skipped; the exit code is then 2.
    """
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
                print(f"line {number}: {error}", file=sys.stderr)
    if json:
        print_json({"published": published, "bad_lines": bad})
    else:
        err.print(f"published {published} events" + (f", skipped {bad} bad lines" if bad else ""))
    if bad:
        raise typer.Exit(WRONG)


def remember(
    user: Annotated[str, typer.Argument()],
    text: Annotated[str, typer.Argument(help="What to remember, as it stands.")],
) -> None:
    """Remember a text about a user, as it stands."""
    _publish_one({"type": "remember", "user_id": user, "text": text})


def forget(
    user: Annotated[str, typer.Argument()],
    session: Annotated[str | None, typer.Option(help="Only this session.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for it, to tell the counts.")] = 0,
    json: Json = False,
) -> None:
    """Forget a user, or one session: all that is stored, remembered, on its way or set aside."""
    draft = {"type": "forget", "user_id": user}
    event_id = _publish_one(draft | ({"session_id": session} if session else {}))
    if wait:
        counts = _forgotten(event_id, wait)
        if json:
            print_json(counts)
        else:
            places = (f"{n} {what}" for what, n in counts.items() if what != "verified")
            err.print("forgot " + ", ".join(places) + "; read back, nothing is left")


def _forgotten(event_id: str, wait_s: float) -> Receipt:
    ends = time.monotonic() + wait_s
    with opened() as services:
        while (receipt := services.deletion_receipts.finished(event_id)) is None:
            if time.monotonic() > ends:
                fail(LATE, f"not done after {wait_s} s; it goes on, see `memory-worker status`")
            time.sleep(0.2)
        return receipt


def _publish_one(draft: dict[str, Any]) -> str:
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
    try:
        connect_redis(url).ping()
    except (RedisError, OSError) as error:
        redis_unreachable(url, error)
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

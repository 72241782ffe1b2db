"""`memory-worker dead list|show|retry|discard`: what could never be done, and what to do about it.

Listings show ids, sizes and reasons, never what was said; `--text` shows the event itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from tablestore_memory.worker.cli.audited import audited
from tablestore_memory.worker.cli.opened import opened, redis_alone
from tablestore_memory.worker.cli.output import (
    WRONG,
    Json,
    Yes,
    ask,
    counted,
    fail,
    minute,
    print_json,
    print_table,
    say,
)
from tablestore_memory.worker.operations import letters
from tablestore_memory.worker.operations.letters import ids_of, user_of
from tablestore_memory.worker.operations.moments import iso
from tablestore_memory.worker.services import RedisServices
from tablestore_memory.worker.state.dead_letters import DeadLetter
from tablestore_memory.worker.stores.messages import Turn

Names = Annotated[
    list[str] | None, typer.Argument(help="PARTITION:ENTRY, as `dead list` names them.")
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]

dead = typer.Typer(
    help="Look at what could not be stored or extracted; try it again or drop it.",
    no_args_is_help=True,
)


@dead.command("list")
def list_all(
    queue: Annotated[str | None, typer.Option(help=f"One of {', '.join(letters.QUEUES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    json: Json = False,
) -> None:
    """List dead letters with reason, error, time and deliveries."""
    if queue not in (None, *letters.QUEUES):
        fail(WRONG, f"--queue: must be one of {', '.join(letters.QUEUES)}")
    with redis_alone() as services:
        found = [letter for letter in services.dead.all() if queue in (None, letter.queue)]
    shown = found[:limit]
    if json:
        print_json([_told(letter) for letter in shown])
    elif not found:
        say("no dead letters")
    else:
        rows = [
            (
                le.name,
                minute(le.dead_lettered_ms * 1000),
                le.queue,
                le.error,
                le.deliveries,
                le.reason,
            )
            for le in shown
        ]
        title = counted(len(found), "dead letter")
        title += f", {limit} shown" if len(found) > limit else ""
        print_table(title, ("name", "since", "queue", "error", "tries", "reason"), rows)


@dead.command()
def show(
    name: Annotated[str, typer.Argument(help="PARTITION:ENTRY, as `dead list` names it.")],
    text: Annotated[bool, typer.Option("--text", help="Also the event, with its text.")] = False,
    json: Json = False,
) -> None:
    """Show one dead letter; its text only with --text."""
    with redis_alone() as services:
        letter = services.dead.get(name)
        audited(services, "dead show", user_of(letter) if letter else "")
    if letter is None:
        fail(WRONG, f"no dead letter {name}; `memory-worker dead list` names them")
    told = _told(letter) | ({"event": letter.event.decode(errors="replace")} if text else {})
    if json:
        print_json(told)
    else:
        print_table(f"dead letter {name}", ("what", "is"), list(told.items()))


@dead.command()
def retry(names: Names = None, every: All = False, json: Json = False) -> None:
    """Put dead letters back into their queue; what cannot be done comes back."""
    _each("retry", "retried", names, every, json, _retry)


@dead.command()
def discard(names: Names = None, every: All = False, yes: Yes = False, json: Json = False) -> None:
    """Delete dead letters for good."""
    if every:
        ask("Delete all dead letters for good?", yes=yes)
    _each(
        "discard",
        "discarded",
        names,
        every,
        json,
        lambda services, letter: services.dead.discard(letter),
    )


def _retry(services: RedisServices, letter: DeadLetter) -> bool:
    return letters.retry(services, letter, _messages_of)


def _messages_of(user_id: str, session_id: str) -> list[Turn]:
    """Only for these is Tablestore needed."""
    with opened() as services:
        return list(services.sessions.messages(user_id, session_id))


def _each(
    command: str,
    done: str,
    names: list[str] | None,
    every: bool,
    json: bool,
    act: Callable[[RedisServices, DeadLetter], bool],
) -> None:
    if bool(names) == every:
        fail(WRONG, "name some dead letters, or say --all")
    with redis_alone() as services, _unknown_names() as unknown:
        named = [(name, services.dead.get(name)) for name in names or ()]
        unknown += [name for name, letter in named if letter is None]
        found = list(services.dead.all()) if every else [le for _, le in named if le]
        for letter in found:
            audited(services, f"dead {command}", user_of(letter))
        count = sum(act(services, letter) for letter in found)
        if json:
            print_json({done: count, "unknown": unknown})
        else:
            say(f"{done} {counted(count, 'dead letter')}")


@contextmanager
def _unknown_names() -> Iterator[list[str]]:
    """Ends the command with what there was no letter for, after the others were done."""
    unknown: list[str] = []
    yield unknown
    if unknown:
        fail(WRONG, f"no dead letter {', '.join(unknown)}")


def _told(letter: DeadLetter) -> dict[str, Any]:
    return {
        "name": letter.name,
        "dead_lettered_at": iso(letter.dead_lettered_ms * 1000),
        "queue": letter.queue,
        "error": letter.error,
        "reason": letter.reason,
        "deliveries": letter.deliveries,
        "bytes": len(letter.event),
        **ids_of(letter),
    }

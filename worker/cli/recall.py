"""What an agent would be given: `memory-worker recall USER QUERY`."""

import os
from datetime import datetime
from typing import Annotated

import typer

from tablestore_memory.recall import NOT_CONFIGURED, BadSettings, Recall, Recalled
from tablestore_memory.worker.cli.audited import NOT_NOTED, audited
from tablestore_memory.worker.cli.output import (
    UNREACHABLE,
    WRONG,
    Json,
    counted,
    fail,
    note,
    print_json,
    print_table,
    say,
)
from tablestore_memory.worker.cli.show import User
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.settings import Settings, SettingsError
from tablestore_memory.worker.telemetry import configure_logging

Moment = Annotated[str | None, typer.Option(help="ISO 8601, with a time zone.")]
_PATIENT = {"MEMORY_RECALL_DEADLINE_S": "10"}
"""A person at a terminal would rather wait than miss something."""


def recall(
    user: User,
    query: Annotated[str, typer.Argument(help="What the user says, or what is looked for.")],
    tokens: Annotated[int, typer.Option(min=1, help="The most that the block may have.")] = 2_000,
    kind: Annotated[list[str] | None, typer.Option(help="Of memories; may be repeated.")] = None,
    session: Annotated[str | None, typer.Option(help="Only of this session.")] = None,
    since: Moment = None,
    until: Moment = None,
    as_of: Moment = None,
    rerank: Annotated[bool, typer.Option(help="With MEMORY_RERANK_MODEL.")] = True,
    explain: Annotated[bool, typer.Option("--explain", help="Show every score.")] = False,
    json: Json = False,
) -> None:
    """Give what an agent is given for a question: facts, and the turns that support them."""
    try:
        with Recall.from_env(os.environ | _PATIENT) as ask:
            _audited(user)
            found = ask(
                user_id=user,
                query=query,
                tokens=tokens,
                kinds=kind,
                session_id=session,
                since=_moment("--since", since),
                until=_moment("--until", until),
                as_of=_moment("--as-of", as_of),
                rerank=None if rerank else False,
                explain=explain,
            )
    except BadSettings as error:
        fail(WRONG, f"{error}; .env.example says what each of them means")
    except ValueError as error:
        fail(WRONG, str(error))
    if json:
        print_json(found)
    else:
        _tell(user, found)
    if _says_nothing(found):
        raise typer.Exit(UNREACHABLE)


def _audited(user: str) -> None:
    """A recall needs less than the worker's settings, and goes on without them."""
    configure_logging("WARNING", "console")
    try:
        services = Services(Settings.from_env(os.environ))
    except SettingsError:
        note(NOT_NOTED)
    else:
        audited(services, "recall", user)


def _tell(user: str, found: Recalled) -> None:
    if _says_nothing(found):
        say(f"nothing was found of {user}, and not all of it answered")
    else:
        say(found.text or f"nothing is known of {user} for this")
    if found.explanation is not None:
        _explain(found)
    facts, turns = len(found.memories), len(found.turns)
    note(f"{counted(facts, 'fact')}, {counted(turns, 'turn')}, {counted(found.tokens, 'token')}")
    for part in found.missing:
        note(f"missing: {part.part} ({part.reason})")


def _says_nothing(found: Recalled) -> bool:
    """Nothing was found, and something that did not answer may have it."""
    return not found.text and any(part.reason != NOT_CONFIGURED for part in found.missing)


def _explain(found: Recalled) -> None:
    if found.explanation is None:
        return
    for title, entries in (
        ("memories", found.explanation.memories),
        ("turns", found.explanation.turns),
    ):
        rows = [
            (
                f"{sum(each.scores.values()):.4f}",
                "\n".join(f"{name} {score:.4f}" for name, score in each.scores.items()),
                "yes" if each.taken else "",
                each.text,
            )
            for each in entries
        ]
        print_table(title, ("score", "made of", "taken", "text"), rows)
    took = found.explanation.took_ms.items()
    print_table("time", ("part", "ms"), [(part, took_ms) for part, took_ms in took])


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(WRONG, f"{option}: no date and time of ISO 8601")
    if moment.tzinfo is None:
        fail(WRONG, f"{option}: names no time zone, as +02:00 or Z")
    return moment

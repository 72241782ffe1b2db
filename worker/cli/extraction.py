"""Extraction by hand, and what Qwen is sent: `extract`, `prompts show`."""

from typing import Annotated

import typer

from tablestore_memory.worker.cli.audited import audited
from tablestore_memory.worker.cli.opened import opened
from tablestore_memory.worker.cli.output import (
    WRONG,
    Json,
    counted,
    fail,
    print_json,
    printable,
    say,
)
from tablestore_memory.worker.cli.show import User
from tablestore_memory.worker.extract.chunks import CONTEXT
from tablestore_memory.worker.qwen.prompts import FACTS_VERSION
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.sessions.due import FROM_WATERMARK

Again = Annotated[bool, typer.Option("--again", help="From the first message on.")]

prompts = typer.Typer(help="Look at what Qwen is sent.", no_args_is_help=True)


@prompts.callback()
def _group() -> None:
    """A group also while it has one command."""


def extract(
    user: User,
    session: Annotated[str | None, typer.Argument(help="Only this session.")] = None,
    again: Again = False,
    json: Json = False,
) -> None:
    """Make a user's sessions due for extraction now; workers do it."""
    with opened() as services:
        audited(services, "extract", user)
        wanted = _sessions(services, user, session)
        for each in wanted:
            services.due.add(user, each, 0 if again else FROM_WATERMARK)
    if json:
        print_json({"sessions": wanted})
    else:
        say(f"{counted(len(wanted), 'session')} due now")


@prompts.command("show")
def show(
    user: Annotated[str, typer.Option(help="The user's id.")],
    session: Annotated[str, typer.Option(help="The session's id.")],
    again: Again = False,
    json: Json = False,
) -> None:
    """Print exactly what Qwen would be sent for the next chunk of a session; nothing is sent."""
    with opened() as services:
        audited(services, "prompts show", user)
        _sessions(services, user, session)
        shown = _next_prompt(services, user, session, again)
    if json:
        system, said = shown or (None, None)
        print_json({"prompt_version": FACTS_VERSION, "system": system, "user": said})
    elif shown is None:
        say("nothing is left to extract; --again begins anew")
    else:
        print(printable(f"--- system ({FACTS_VERSION})\n{shown[0]}\n--- user\n{shown[1]}"))


def _sessions(services: Services, user: str, session: str | None) -> list[str]:
    """The user's sessions, or the one that is named; ends the command if there is none."""
    found = [info.session_id for info in services.sessions.of_user(user)]
    wanted = [each for each in found if session in (None, each)]
    if not wanted:
        fail(WRONG, f"no session {session} of user {user}" if found else f"no user {user}")
    return wanted


def _next_prompt(
    services: Services, user: str, session: str, again: bool
) -> tuple[str, str] | None:
    sessions = services.sessions
    start = 0 if again else sessions.watermark(user, session) + 1
    messages = sessions.messages(user, session, since=start)
    chunk = next(services.finder.bounds.chunks_of(messages), [])
    if not chunk:
        return None
    context = sessions.messages_before(user, session, start, CONTEXT) if start else []
    return next(services.finder.prompts(context, chunk), None)

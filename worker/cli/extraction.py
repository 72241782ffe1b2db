"""Extraction by hand, and what Qwen is sent: `extract`, `prompts show`."""

from typing import Annotated

import typer

from tablestore_memory.worker.cli.output import WRONG, Json, fail, opened, out, print_json
from tablestore_memory.worker.extract.due import FROM_WATERMARK
from tablestore_memory.worker.extract.pieces import CONTEXT, piece_of
from tablestore_memory.worker.extract.prompts import FACTS_VERSION
from tablestore_memory.worker.services import Services

prompts = typer.Typer(help="Look at what Qwen is sent.", no_args_is_help=True)


@prompts.callback()
def _group() -> None:
    """A group also while it has one command."""


def extract(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    session: Annotated[str | None, typer.Argument(help="Only this session.")] = None,
    again: Annotated[bool, typer.Option("--again", help="From the first message on.")] = False,
    json: Json = False,
) -> None:
    """Make a user's sessions due for extraction now; workers do it."""
    with opened() as services:
        found = [s.session_id for s in services.sessions.of_user(user)]
        wanted = [s for s in found if session in (None, s)]
        if not wanted:
            fail(WRONG, f"no session {session!r} of {user!r}" if session else f"no user {user!r}")
        for each in wanted:
            services.due.add(user, each, 0 if again else FROM_WATERMARK)
    if json:
        print_json({"sessions": wanted})
    else:
        out.print(f"{len(wanted)} sessions are due now", markup=False)


@prompts.command("show")
def show(
    user: Annotated[str, typer.Option(help="The user's id.")],
    session: Annotated[str, typer.Option(help="The session's id.")],
    again: Annotated[bool, typer.Option("--again", help="From the first message on.")] = False,
    json: Json = False,
) -> None:
    """Print exactly what Qwen would be sent for the next piece of a session; nothing is sent."""
    with opened() as services:
        shown = _next_prompt(services, user, session, again)
    if shown is None:
        out.print("nothing is left to extract; --again begins anew", markup=False)
    elif json:
        print_json({"prompt_version": FACTS_VERSION, "system": shown[0], "user": shown[1]})
    else:
        print(f"--- system ({FACTS_VERSION})\n{shown[0]}\n--- user\n{shown[1]}")


def _next_prompt(
    services: Services, user: str, session: str, again: bool
) -> tuple[str, str] | None:
    sessions = services.sessions
    start = 0 if again else sessions.watermark(user, session) + 1
    piece = piece_of(sessions.messages(user, session, since=start))
    if not piece:
        return None
    context = sessions.messages_before(user, session, start, CONTEXT) if start else []
    return next(services.finder.prompts(context, piece), None)

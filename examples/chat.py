"""`make chat`: talk to Qwen in the terminal; what is said in one session is remembered in the next.

Each line goes to the session's history in the background. Facts are extracted when a session rests or
ends, without being asked for. /help lists the commands; Ctrl-D and Ctrl-C leave.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from chat_session import Chat

console = Console(highlight=False)
WRONG, UNREACHABLE = 2, 3


def main() -> int:
    """Talk until the user leaves; then deliver everything."""
    user = _user()
    with console.status("starting …"):
        from connections import missing_settings

        if missing := missing_settings():
            console.print(f"{', '.join(missing)} not set: start this by `make chat`")
            return WRONG
        from chat_session import Chat
    with asyncio.Runner() as runner:
        chat = runner.run(_made(Chat, user))
        if chat is None:
            return UNREACHABLE
        with contextlib.suppress(KeyboardInterrupt, EOFError):
            _talk(runner, chat)
        return _leave(runner, chat)


def _user() -> str:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--user", default="local-user", help="whose sessions and memories")
    return str(parser.parse_args().user)


async def _made(kind: "type[Chat]", user: str) -> "Chat | None":
    """A chat that has begun, inside the loop that its clients need; None if a service is away."""
    chat = kind(user, console)
    try:
        with console.status("connecting …"):
            await chat.start()
    except Exception as error:  # noqa: BLE001 - whatever an SDK raises is one line here
        await chat.stop()
        chat.complain(f"Tablestore does not answer: {error}")
        return None
    console.print(f"session {chat.session.id} of {user}; /help lists the commands", markup=False)
    return chat


def _talk(runner: asyncio.Runner, chat: "Chat") -> None:
    from chat_commands import Quit, run

    while True:
        line = input("you> ").strip()
        if not line:
            continue
        try:
            runner.run(_unless_told_to_stop(run(chat, line) if line[0] == "/" else chat.say(line)))
        except Quit:
            return
        except Exception as error:  # noqa: BLE001 - one line, and the talk goes on
            chat.complain(f"{type(error).__name__}: {error}")


async def _unless_told_to_stop(doing: Awaitable[object]) -> None:
    """Do it; if Ctrl-C came and a library made nothing of it, stop all the same."""
    await doing
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _leave(runner: asyncio.Runner, chat: "Chat") -> int:
    console.print()
    with contextlib.suppress(KeyboardInterrupt), console.status("delivering …"):
        delivered = runner.run(chat.leave())
        left = chat.publisher.stats().pending
        console.print(
            "bye; everything is delivered"
            if delivered
            else f"bye; {left} events wait in the journal and go out at the next start"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

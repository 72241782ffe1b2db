"""What the chat understands besides talk: lines that begin with a slash."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agentscope_runtime.engine.schemas.agent_schemas import Message
from chat_session import Chat, said
from rich.markup import escape
from rich.table import Table


class Quit(Exception):
    """The user wants to leave."""


async def new(chat: Chat, _: str) -> None:
    """Begin another session; this one is over and can be remembered."""
    chat.end_session()
    await chat.open_session(None)
    chat.console.print(f"session {escape(chat.session.id)}")


async def sessions(chat: Chat, _: str) -> None:
    """List your sessions."""
    for session in await chat.history.list_sessions(chat.user):
        mark = "*" if session.id == chat.session.id else " "
        chat.console.print(f"{mark} {escape(session.id)}")


async def load(chat: Chat, session_id: str) -> None:
    """Go on with an earlier session."""
    known = {session.id for session in await chat.history.list_sessions(chat.user)}
    if session_id not in known:
        chat.complain(f"no session {session_id!r}; /sessions lists them")
        return
    chat.end_session()
    await chat.open_session(session_id)
    await history(chat, "")


async def remember(chat: Chat, content: str) -> None:
    """Remember this, word for word."""
    await chat.memory.add_memory(chat.user, [said("user", content)], chat.session.id)
    chat.console.print("remembered")


async def memories(chat: Chat, _: str) -> None:
    """List what is remembered of you."""
    found = await chat.memory.list_memory(chat.user, {"page_size": 100})
    for message in found:
        chat.console.print(f"• {escape(message.get_text_content() or '')}")
    if not found:
        chat.console.print("nothing yet: facts are found when a session rests for a moment")


async def history(chat: Chat, _: str) -> None:
    """Show this session."""
    stored = await chat.history.get_session(chat.user, chat.session.id)
    chat.console.print(f"{len(stored.messages)} messages in session {escape(chat.session.id)}")
    for message in stored.messages:
        chat.console.print(f"{_speaker(message)} {escape(message.get_text_content() or '')}")


async def show_help(chat: Chat, _: str) -> None:
    """List the commands."""
    table = Table.grid(padding=(0, 2))
    for name, command in COMMANDS.items():
        usage = f"{name} {command.argument}".strip()
        table.add_row(escape(usage), (command.run.__doc__ or "").strip())
    chat.console.print(table)


async def leave(chat: Chat, _: str) -> None:
    """Leave; so do Ctrl-D and Ctrl-C."""
    raise Quit


@dataclass(frozen=True)
class Command:
    """What to run, and the argument it needs, if any."""

    run: Callable[[Chat, str], Awaitable[None]]
    argument: str = ""


COMMANDS = {
    "/new": Command(new),
    "/sessions": Command(sessions),
    "/load": Command(load, "<id>"),
    "/remember": Command(remember, "<content>"),
    "/memories": Command(memories),
    "/history": Command(history),
    "/help": Command(show_help),
    "/quit": Command(leave),
}


async def run(chat: Chat, line: str) -> None:
    """Run the command of a line, or say what is wrong with it. Raises Quit."""
    name, _, argument = line.partition(" ")
    argument = argument.strip()
    command = COMMANDS.get(name)
    if command is None:
        chat.complain(f"unknown command {name}; /help lists them")
    elif bool(argument) != bool(command.argument):
        chat.complain(f"usage: {name} {command.argument}".rstrip())
    else:
        await command.run(chat, argument)


def _speaker(message: Message) -> str:
    return "[bold]you>[/bold]" if message.role == "user" else "[green]qwen>[/green]"

"""One conversation: what is said goes to the session's history, what is asked is answered."""

from contextlib import aclosing

import chat_model
from agentscope_runtime.engine.schemas.agent_schemas import Message, TextContent
from agentscope_runtime.engine.schemas.session import Session
from connections import memory, session_history
from rich.console import Console

from tablestore_memory import Publisher, Recall
from tablestore_memory.producer.agentscope import shared_publisher

_TOKENS = 1_000  # of what is recalled, that the model is told for an answer


def said(role: str, text: str) -> Message:
    """A message of one text."""
    return Message(role=role, status="completed", content=[TextContent(text=text)])


class Chat:
    """A user at a terminal, the current session, and the services."""

    session: Session

    def __init__(self, user: str, console: Console) -> None:
        self.user = user
        self.console = console
        self.history = session_history()
        self.memory = memory()
        self.recall = Recall.from_env()
        self.publisher: Publisher = shared_publisher()

    async def start(self) -> None:
        """Connect and begin a session. Raises what the services raise."""
        await self.history.start()
        await self.memory.start()
        await self.open_session(None)

    async def open_session(self, session_id: str | None) -> None:
        if session_id is None:
            self.session = await self.history.create_session(self.user)
        else:
            self.session = await self.history.get_session(self.user, session_id)

    def end_session(self) -> None:
        """What was said can be remembered now."""
        if self.session.messages:
            self.publisher.session_end(user_id=self.user, session_id=self.session.id)

    async def say(self, text: str) -> None:
        """Say something and print the answer as it comes. Raises what the model raises."""
        message = said("user", text)
        await self.history.append_message(self.session, message)
        with self.console.status("thinking …") as spinner:
            known = await self._known(text)
            pieces: list[str] = []
            async with aclosing(chat_model.reply(self._talk(), known)) as answer:
                async for piece in answer:
                    if not pieces:
                        spinner.stop()
                        self.console.print("[green]qwen>[/green] ", end="")
                    pieces.append(piece)
                    self.console.print(piece, end="", markup=False, highlight=False)
        self.console.print()
        if pieces:
            await self.history.append_message(self.session, said("assistant", "".join(pieces)))

    async def leave(self) -> bool:
        """End the session and deliver all of it. False: what is left waits in the journal."""
        self.end_session()
        delivered = await self.publisher.aflush(timeout=5)
        await self.stop()
        return delivered

    async def stop(self) -> None:
        """End all connections."""
        await self.history.stop()
        await self.memory.stop()
        self.recall.close()
        await chat_model.close()

    def complain(self, text: str) -> None:
        """One line for what did not work."""
        self.console.print(
            f"! {' '.join(text.split())[:300]}", style="yellow", markup=False, soft_wrap=True
        )

    async def _known(self, text: str) -> str:
        """What is known for an answer; what is away is said, and the talk goes on."""
        found = await self.recall.aio(user_id=self.user, query=text, tokens=_TOKENS)
        if found.missing:
            parts = ", ".join(f"{part.part} ({part.reason})" for part in found.missing)
            self.complain(f"missing for this answer: {parts}")
        return found.text

    def _talk(self) -> list[Message]:
        return [message for message in self.session.messages if message.type == "message"]

"""AgentScope `Message`s made and compared, and waiting for what a worker does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agentscope_runtime.engine.schemas.agent_schemas import Message, TextContent

T = TypeVar("T")


def said(text: str, role: str = "user", **fields: Any) -> Message:
    """A message of one text, as AgentScope's programs make it."""
    return Message(
        type="message",
        role=role,
        content=[TextContent(type="text", text=text)],
        status="completed",
        **fields,
    )


def texts(messages: list[Message]) -> list[str | None]:
    return [message.get_text_content() for message in messages]


async def eventually(
    ask: Callable[[], Awaitable[T]], true: Callable[[T], bool], what: str, timeout_s: float = 30
) -> T:
    """Ask until the answer is what it should be; else fail, saying what never happened."""
    deadline = time.monotonic() + timeout_s
    while not true(answer := await ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what} (last seen: {answer!r})")
        await asyncio.sleep(0.1)
    return answer

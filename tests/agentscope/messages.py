"""AgentScope `Message`s made and compared, and waiting for what a worker does."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agentscope_runtime.engine.schemas.agent_schemas import Message, TextContent
from redis.asyncio import Redis

from devtools.servers import PATIENCE_S
from tablestore_memory.producer import Publisher
from tablestore_memory.protocol.streams import Streams

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
    ask: Callable[[], Awaitable[T]],
    true: Callable[[T], bool],
    what: str,
    timeout_s: float = PATIENCE_S,
) -> T:
    """Ask until the answer is what it should be; else fail, saying what never happened."""
    deadline = time.monotonic() + timeout_s
    while not true(answer := await ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what} (last seen: {answer!r})")
        await asyncio.sleep(0.1)
    return answer


async def drained(publisher: Publisher) -> None:
    """Wait until workers have stored all that was published: whatever could come back has."""
    assert await publisher.aflush()
    streams = Streams()

    async def waiting() -> int:
        async with Redis.from_url(os.environ["REDIS_URL"]) as redis:
            names = [
                streams.key(partition, name)
                for partition in range(streams.partitions)
                for name in ("events", "requests")
            ]
            return sum([await redis.xlen(name) for name in names])

    await eventually(waiting, lambda left: left == 0, "all events stored")

"""The chat's model: Qwen through dashscope, streaming, with its history and what is recalled as its context."""

import os
from collections.abc import AsyncGenerator, Sequence
from http import HTTPStatus
from typing import Any

from agentscope_runtime.engine.schemas.agent_schemas import Message

MODEL = "qwen-plus"
_HISTORY = 40  # messages of the session that the model sees
_INSTRUCTIONS = "You are a friendly assistant. Answer briefly, in the user's language."


class ModelFailed(Exception):
    """Qwen did not answer; the text says why."""


async def reply(history: Sequence[Message], known: str) -> AsyncGenerator[str]:
    """The answer to the last message of the history, piece by piece. Raises ModelFailed."""
    from dashscope import AioGeneration

    prompt: Any = _prompt(history, known)
    pieces: Any = await AioGeneration.call(
        model=os.environ.get("MEMORY_MODEL", MODEL),
        messages=prompt,
        result_format="message",
        stream=True,
        incremental_output=True,
        enable_thinking=False,
    )
    async for piece in pieces:
        if piece.status_code != HTTPStatus.OK:
            raise ModelFailed(f"{piece.status_code} {piece.code}: {piece.message}")
        if text := piece.output.choices[0].message.content:
            yield text


async def close() -> None:
    """End the connections that dashscope keeps."""
    # The package offers it too, but there its types have no coroutine.
    from dashscope.api_entities.aio_session import close_shared_aio_session

    await close_shared_aio_session()


def _prompt(history: Sequence[Message], known: str) -> list[dict[str, str]]:
    system = "\n\n".join(filter(None, (_INSTRUCTIONS, known)))
    said = [
        {"role": message.role, "content": message.get_text_content() or ""}
        for message in history[-_HISTORY:]
    ]
    return [{"role": "system", "content": system}, *said]

"""Qwen through DashScope: one generation, embeddings in tens, at a pace that all workers share.

The SDK takes two seconds to import and keeps one HTTP session per process, which a fork would share with
its parent and mix up answers; so it is imported on first use, in the child that uses it.
Source for limits: Model Studio's API reference.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from tablestore_memory.worker.errors import NotSetUp, Throttled, Unavailable, UnusableReply
from tablestore_memory.worker.qwen_errors import Call, reached, readable
from tablestore_memory.worker.tokens import tokens_of

_TEXTS_A_CALL = 10  # more are refused (text-embedding-v4)
_TIMEOUT_S = (3.05, 60)  # to connect; between two reads
_ANSWER_TOKENS = 300  # of a usual answer, for the estimate before a call
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reply:
    """The text of an answer and what it cost in tokens."""

    text: str
    input_tokens: int
    output_tokens: int
    request_id: str


class Pace(Protocol):
    """Who says when a call may be made, and is told what it cost."""

    def before(self, model: str, tokens: int) -> None:
        """Wait for room for about so many tokens. Raises Throttled when there is none for long."""

    def after(self, model: str, estimated: int, used: int) -> None:
        """A call was answered and used so many tokens."""

    def throttled(self, model: str) -> None:
        """The service asked us to slow down."""


class Qwen:
    """One model for text, one for vectors."""

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        model: str,
        embedding_model: str,
        dimension: int,
        pace: Pace,
    ) -> None:
        self.model = model
        self.dimension = dimension
        self._embedding_model = embedding_model
        self._pace = pace
        self._call: dict[str, Any] = {
            "base_address": url,
            "api_key": api_key,
            "request_timeout": _TIMEOUT_S,
        }

    def json(self, system: str, user: str, *, max_tokens: int = 4000) -> Reply:
        """An answer in JSON mode. `system` must contain the word JSON.

        Raises UnusableReply when it was cut off, ContentRefused, and whatever keeps the service away.
        """
        from dashscope import Generation

        messages: Any = [
            {"role": "system", "content": system},
            {"role": "user", "content": user},
        ]
        estimated = tokens_of(system) + tokens_of(user) + _ANSWER_TOKENS
        response = self._paced(
            self.model,
            estimated,
            lambda: Generation.call(
                model=self.model,
                messages=messages,
                result_format="message",
                response_format={"type": "json_object"},
                enable_thinking=False,
                temperature=0.0,
                max_tokens=max_tokens,
                **self._call,
            ),
        )
        with readable():
            choice, usage = response.output.choices[0], response.usage
            if choice.finish_reason != "stop":
                raise UnusableReply(f"Qwen: the answer ended with {choice.finish_reason!r}")
            text = str(choice.message.content)
            return Reply(text, usage.input_tokens, usage.output_tokens, response.request_id)

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """A vector of `dimension` floats for each text, in order."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _TEXTS_A_CALL):
            vectors += self._embed_some(list(texts[start : start + _TEXTS_A_CALL]), query)
        return vectors

    def _embed_some(self, texts: list[str], query: bool) -> list[list[float]]:
        from dashscope import TextEmbedding

        response = self._paced(
            self._embedding_model,
            sum(map(tokens_of, texts)),
            lambda: TextEmbedding.call(
                model=self._embedding_model,
                input=texts,
                dimension=self.dimension,
                text_type="query" if query else "document",
                **self._call,
            ),
        )
        with readable():
            found = sorted(response.output["embeddings"], key=lambda item: item["text_index"])
            vectors = [item["embedding"] for item in found]
            lengths = {len(vector) for vector in vectors}
        if len(vectors) != len(texts):
            raise Unavailable(f"Qwen: {len(vectors)} vectors for {len(texts)} texts")
        if lengths != {self.dimension}:
            raise NotSetUp(
                f"Qwen: {self._embedding_model} gives vectors of {lengths} floats, "
                f"not {self.dimension} (MEMORY_EMBEDDING_DIMENSION)"
            )
        return vectors

    def _paced(self, model: str, estimated: int, call: Call) -> Any:
        """The response to a call for which there was room; what it used is counted."""
        self._pace.before(model, estimated)
        started = time.monotonic()
        try:
            response = reached(call)
        except Throttled:
            self._pace.throttled(model)
            raise
        with readable():
            tokens, request_id = int(response.usage["total_tokens"]), response.request_id
        duration_ms = round((time.monotonic() - started) * 1000, 1)
        log.info(
            "qwen.answered",
            model=model,
            tokens=tokens,
            duration_ms=duration_ms,
            request_id=request_id,
        )
        self._pace.after(model, estimated, tokens)
        return response

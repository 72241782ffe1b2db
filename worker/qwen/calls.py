"""The two requests to DashScope, with their parameters, at a pace that all workers share.

The SDK takes two seconds to import, and a fork would share an HTTP session with its parent and mix up answers; so
both come on first use, in the process that uses them.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import structlog

from tablestore_memory.worker.failures.errors import WorkerError
from tablestore_memory.worker.qwen.asked_for import NOBODY, Asker, current_asker, current_purpose
from tablestore_memory.worker.qwen.errors import Call, reached, readable
from tablestore_memory.worker.qwen.tokens import tokens_of
from tablestore_memory.worker.qwen.usage import Usage
from tablestore_memory.worker.tracing.calls import model_call
from tablestore_memory.worker.tracing.content import answered, asked
from tablestore_memory.worker.tracing.spans import Attributes, Value

_TIMEOUT_S = (3.05, 60)  # to connect; between two reads
_TEMPERATURE = 0.0
_ANSWER_TOKENS = 300  # of a usual answer, for the estimate before a call
log = structlog.get_logger()


@dataclass
class Spent:
    """Tokens of a call: what it was thought to need, then what it needed.

    `cached` of them were a beginning that the service knew from earlier calls, and bills at a part.
    """

    tokens: int
    cached: int = 0


class CallLimiter(Protocol):
    """Who says when a call may be made, and is told what it cost, or that the service refused it."""

    def call(self, model: str, tokens: int) -> AbstractContextManager[Spent]:
        """Around a call of about so many tokens. Raises Throttled when there is no room for long."""


class Book(Protocol):
    """Who is told what a call used, once. Raises nothing."""

    def __call__(self, model: str, purpose: str, asker: Asker, usage: Usage) -> None: ...


def unbooked(model: str, purpose: str, asker: Asker, usage: Usage) -> None:
    """For whom costs are nobody's concern."""


@dataclass(frozen=True)
class QwenCalls:
    """Gives responses as the SDK does; raises what `reached` does. `trivial` as there."""

    url: str
    api_key: str = field(repr=False)
    model: str
    embedding_model: str
    dimension: int
    limiter: CallLimiter
    book: Book = unbooked

    def generate(self, system: str, user: str, max_tokens: int, *, trivial: bool = False) -> Any:
        """An answer in JSON mode. `system` must contain the word JSON."""
        from dashscope import Generation

        messages: Any = [
            {"role": "system", "content": system},
            {"role": "user", "content": user},
        ]
        about = {
            "gen_ai.output.type": "json",
            "gen_ai.request.temperature": _TEMPERATURE,
            "gen_ai.request.max_tokens": max_tokens,
            **asked(system, user),
        }
        tokens = tokens_of(system) + tokens_of(user) + _ANSWER_TOKENS
        return self._paced(
            _Request("chat", self.model, current_purpose(), tokens, about, trivial),
            lambda: Generation.call(
                model=self.model,
                messages=messages,
                result_format="message",
                response_format={"type": "json_object"},
                enable_thinking=False,
                temperature=_TEMPERATURE,
                max_tokens=max_tokens,
                **self._how(),
            ),
        )

    def embed(self, texts: Sequence[str], text_type: str, *, trivial: bool = False) -> Any:
        """A vector for each text; `text_type` is query or document."""
        from dashscope import TextEmbedding

        about: Attributes = {"gen_ai.embeddings.dimension.count": self.dimension}
        purpose = "query" if text_type == "query" else "vectors"
        tokens = sum(map(tokens_of, texts))
        return self._paced(
            _Request("embeddings", self.embedding_model, purpose, tokens, about, trivial),
            lambda: TextEmbedding.call(
                model=self.embedding_model,
                input=list(texts),
                dimension=self.dimension,
                text_type=text_type,
                **self._how(),
            ),
        )

    def _how(self) -> dict[str, Any]:
        return {
            "base_address": self.url,
            "api_key": self.api_key,
            "request_timeout": _TIMEOUT_S,
            "session": self._session,
        }

    @cached_property
    def _session(self) -> Any:
        from tablestore_memory.worker.qwen.http import http_session

        return http_session()

    def _paced(self, request: "_Request", call: Call) -> Any:
        """The response to a call for which there was room; what it used is counted."""
        model, trivial = request.model, request.trivial
        purpose = "probe" if trivial else request.purpose
        about = {"memory_worker.purpose": purpose, **request.about}
        with self.limiter.call(model, request.tokens) as spent:
            started = time.monotonic()
            with (
                _failures_told(model, purpose),
                model_call(request.operation, model, about) as note,
            ):
                response = reached(call, trivial=trivial)
                duration_ms = round((time.monotonic() - started) * 1000, 1)
                with readable():
                    usage, request_id = Usage.of(response.usage), response.request_id
                    note(_told(usage, request_id) | answered(response.output))
            spent.tokens, spent.cached = usage.total, usage.cached
            self.book(model, purpose, NOBODY if trivial else current_asker(), usage)
        log.info(
            "qwen.answered",
            model=model,
            purpose=purpose,
            input_tokens=usage.input,
            output_tokens=usage.output,
            cached_tokens=usage.cached,
            duration_ms=duration_ms,
            request_id=request_id,
        )
        return response


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked of which model, for what; about how many tokens it takes, and what its span says."""

    operation: str
    model: str
    purpose: str
    tokens: int
    about: Attributes
    trivial: bool


def _told(usage: Usage, request_id: str) -> dict[str, Value]:
    return {
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cached,
        "gen_ai.response.id": str(request_id),
    }


@contextmanager
def _failures_told(model: str, purpose: str) -> Iterator[None]:
    try:
        yield
    except WorkerError as error:
        log.debug("qwen.failed", model=model, purpose=purpose, error=type(error).__name__)
        raise

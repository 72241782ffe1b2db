"""Qwen through DashScope: one generation, embeddings in tens, errors translated once.

The SDK takes two seconds to import and keeps one HTTP session per process, which a fork would share with
its parent and mix up answers; so it is imported on first use, in the child that uses it.
Source for codes and limits: Model Studio's API reference, error codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from worker.errors import (
    BadCredentials,
    ContentRefused,
    NotSetUp,
    Throttled,
    Unavailable,
    Unpaid,
    UnusableReply,
    WorkerError,
)

_TEXTS_A_CALL = 10  # more are refused (text-embedding-v4)
_TIMEOUT_S = (3.05, 60)  # to connect; between two reads


@dataclass(frozen=True, slots=True)
class Reply:
    """The text of an answer and what it cost in tokens."""

    text: str
    input_tokens: int
    output_tokens: int
    request_id: str


class Qwen:
    """One model for text, one for vectors."""

    def __init__(
        self, *, url: str, api_key: str, model: str, embedding_model: str, dimension: int
    ) -> None:
        self.model = model
        self.dimension = dimension
        self._embedding_model = embedding_model
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
        response = _reached(
            lambda: Generation.call(
                model=self.model,
                messages=messages,
                result_format="message",
                response_format={"type": "json_object"},
                enable_thinking=False,
                temperature=0.0,
                max_tokens=max_tokens,
                **self._call,
            )
        )
        choice = response.output.choices[0]
        if choice.finish_reason != "stop":
            raise UnusableReply(f"Qwen: the answer ended with {choice.finish_reason!r}")
        usage = response.usage
        return Reply(
            choice.message.content, usage.input_tokens, usage.output_tokens, response.request_id
        )

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """A vector of `dimension` floats for each text, in order."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _TEXTS_A_CALL):
            vectors += self._embed_some(list(texts[start : start + _TEXTS_A_CALL]), query)
        return vectors

    def _embed_some(self, texts: list[str], query: bool) -> list[list[float]]:
        from dashscope import TextEmbedding

        response = _reached(
            lambda: TextEmbedding.call(
                model=self._embedding_model,
                input=texts,
                dimension=self.dimension,
                text_type="query" if query else "document",
                **self._call,
            )
        )
        found = sorted(response.output["embeddings"], key=lambda item: item["text_index"])
        vectors = [item["embedding"] for item in found]
        if [len(vector) for vector in vectors] != [self.dimension] * len(texts):
            raise UnusableReply(f"Qwen: wanted {len(texts)} vectors of {self.dimension} floats")
        return vectors


class _Call(Protocol):
    def __call__(self) -> Any: ...


def _reached(call: _Call) -> Any:
    """Make a call; raise ours for what the SDK raises or returns instead of an answer."""
    import requests

    try:
        response = call()
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError) as error:
        raise Unavailable(f"Qwen: connection: {error}") from error
    except requests.exceptions.Timeout as error:
        raise Unavailable(f"Qwen: timed out: {error}") from error
    except (ValueError, TypeError) as error:
        # Broken JSON, or an answer without `output`: the SDK trips over it.
        raise Unavailable(f"Qwen: the response cannot be read: {error}") from error
    if response.status_code != HTTPStatus.OK:
        raise from_code(response.status_code, response.code or "", response.message or "")
    if not response.output:
        raise Unavailable(f"Qwen: a response without output, request {response.request_id}")
    return response


_UNPAID = ("Arrearage", "AllocationQuota.FreeTierOnly", "CommodityNotPurchased")
_DENIED = ("InvalidApiKey", "AccessDenied", "Model.AccessDenied", "Workspace.AccessDenied")


def from_code(status: int, code: str, message: str) -> WorkerError:
    """The error for a service code, in the order of what must be told apart first."""
    text = f"Qwen: {status} {code}: {message}"
    if code in _UNPAID or code.endswith("BillOverdue") or "Free allocated quota" in message:
        return Unpaid(text)
    if code.startswith(_DENIED) or status == HTTPStatus.UNAUTHORIZED:
        return BadCredentials(text)
    # "url error": a model that this path does not serve.
    if code == "ModelNotFound" or status == HTTPStatus.NOT_FOUND or "url error" in message:
        return NotSetUp(text)
    if code == "DataInspectionFailed" or code.endswith(".DataInspectionFailed"):
        return ContentRefused(text)
    if status == HTTPStatus.TOO_MANY_REQUESTS or code.startswith("Throttling"):
        return Throttled(text)
    if status == HTTPStatus.BAD_REQUEST:
        return UnusableReply(text)
    return Unavailable(text)

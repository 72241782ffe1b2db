"""The two requests to DashScope that recall makes, over HTTP and within the time that is left.

The SDK takes two seconds and 70 MB to import, and its timeout is one a read: an agent that only asks for vectors
needs neither (docs/decisions/recall.md). Refusals are ours as everywhere (worker/qwen/errors.py), and nothing here
keeps to the workers' pace: a question of a person comes first.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec
import urllib3

from tablestore_memory.worker.failures.errors import BadCredentials, ResourceMissing, Unavailable
from tablestore_memory.worker.qwen.errors import from_code, readable
from tablestore_memory.worker.qwen.usage import Usage
from tablestore_memory.worker.tracing.calls import model_call

_EMBEDDING = "/services/embeddings/text-embedding/text-embedding"
_RERANK = "/services/rerank/text-rerank/text-rerank"
_CONNECTIONS = 64  # kept open; as many as recall has threads


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that was answered: what for, for whom, and what it used."""

    model: str
    purpose: str
    user_id: str
    usage: Usage
    duration_ms: float
    request_id: str


Hear = Callable[[Answered], None]
"""Told of each answered call, in the thread of the recall: to return at once, and to raise nothing."""


def unheard(answered: Answered) -> None:
    """For whom costs are nobody's concern."""


@dataclass(frozen=True)
class DashScope:
    """One account."""

    url: str
    api_key: str = field(repr=False)
    hear: Hear = unheard

    def embedding(
        self, model: str, dimension: int, text: str, *, user_id: str, timeout_s: float
    ) -> Sequence[float]:
        """The vector of a query. Raises what keeps the service from giving one."""
        body = {
            "model": model,
            "input": {"texts": [text]},
            "parameters": {"dimension": dimension, "text_type": "query"},
        }
        with model_call("embeddings", model, {"gen_ai.embeddings.dimension.count": dimension}):
            output = self._output(_EMBEDDING, "query", user_id, body, timeout_s)
        with readable():
            vector: list[float] = output["embeddings"][0]["embedding"]
            length = len(vector)
        if length != dimension:
            raise ResourceMissing(
                f"Qwen: {model} gives vectors of {length} floats, not {dimension} "
                "(MEMORY_EMBEDDING_DIMENSION)"
            )
        return vector

    def relevance(
        self, model: str, query: str, documents: Sequence[str], *, user_id: str, timeout_s: float
    ) -> list[float]:
        """How relevant each document is to a query, from 0 to 1. Raises what keeps the service from saying it."""
        body = {
            "model": model,
            "input": {"query": query, "documents": list(documents)},
            "parameters": {"top_n": len(documents), "return_documents": False},
        }
        with model_call("rerank", model, {}):
            output = self._output(_RERANK, "rerank", user_id, body, timeout_s)
        with readable():
            scores = {each["index"]: float(each["relevance_score"]) for each in output["results"]}
            return [scores[index] for index in range(len(documents))]

    def _output(
        self, path: str, purpose: str, user_id: str, body: dict[str, Any], timeout_s: float
    ) -> Any:
        began = time.monotonic()
        try:
            response = self._http.request(
                "POST",
                self.url + path,
                body=json.dumps(body).encode(),
                headers={
                    "Authorization": f"Bearer {self.api_key}",
                    "Content-Type": "application/json",
                },
                timeout=urllib3.Timeout(total=timeout_s),
                retries=False,
            )
        except UnicodeEncodeError:
            raise BadCredentials(
                "Qwen: the key cannot be sent in a header (DASHSCOPE_API_KEY)"
            ) from None
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"Qwen: no answer: {type(error).__name__}") from error
        answer = _answer_of(response.status, response.data)
        duration_ms = round((time.monotonic() - began) * 1000, 1)
        with suppress(KeyError, TypeError, ValueError, AttributeError):  # then it tells no usage
            usage, request_id = Usage.of(answer["usage"]), str(answer.get("request_id"))
            self.hear(Answered(body["model"], purpose, user_id, usage, duration_ms, request_id))
        return answer["output"]

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        """Through the proxy of the environment, as the SDKs go."""
        parts = urlsplit(self.url)
        proxy = getproxies().get(parts.scheme)
        if not proxy or proxy_bypass(parts.hostname or ""):
            return urllib3.PoolManager(maxsize=_CONNECTIONS)
        login = urlsplit(proxy)
        headers = urllib3.make_headers(
            proxy_basic_auth=f"{unquote(login.username)}:{unquote(login.password or '')}"
            if login.username
            else None
        )
        return urllib3.ProxyManager(proxy, proxy_headers=headers, maxsize=_CONNECTIONS)


def _answer_of(status: int, data: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(data)
    except ValueError as error:
        if status == HTTPStatus.OK:
            raise Unavailable("Qwen: an unreadable response") from error
        answer = None
    told = answer if isinstance(answer, dict) else {}
    if status != HTTPStatus.OK:
        refusal = (told.get(name) for name in ("code", "message", "request_id"))
        raise from_code(status, *refusal, tell=False)
    if not told.get("output"):
        raise Unavailable("Qwen: a response without output")
    return told

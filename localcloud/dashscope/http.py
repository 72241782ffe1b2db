"""The wire of DashScope: paths, key, JSON in, JSON or server-sent events out.

Owns what every call has in common and turns answers and errors into HTTP, in one place. Each answer
says in its header and request id that rules made it, and echoes a hash of the request's `input`, so
that an answer to somebody else's call shows. It refuses asynchronous tasks and other paths.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from aiohttp import web

from tablestore_memory.localcloud import admin
from tablestore_memory.localcloud.admin import Admin
from tablestore_memory.localcloud.dashscope import calls, errors
from tablestore_memory.localcloud.dashscope.calls import Call, Calls
from tablestore_memory.localcloud.dashscope.embeddings import Embedder, hashed
from tablestore_memory.localcloud.dashscope.errors import ServiceError
from tablestore_memory.localcloud.dashscope.faults import REPERTOIRE, error_of
from tablestore_memory.localcloud.dashscope.operations import (
    RULES_HEADER,
    Asked,
    embed,
    generate,
    headers,
    rerank,
)
from tablestore_memory.localcloud.dashscope.sending import Sending, send
from tablestore_memory.localcloud.dashscope.wire import Json
from tablestore_memory.localcloud.faults import Faults

LOGGER = logging.getLogger(__name__)
GENERATION = "/api/v1/services/aigc/text-generation/generation"
EMBEDDING = "/api/v1/services/embeddings/text-embedding/text-embedding"
RERANK = "/api/v1/services/rerank/text-rerank/text-rerank"
MOST_BODY_BYTES = 16 * 1024 * 1024


@dataclass
class Service:
    """What the handlers share: the accepted key, the faults that are set, the calls seen."""

    api_key: str
    faults: Faults = field(default_factory=lambda: Faults(REPERTOIRE))
    calls: Calls = field(default_factory=Calls)
    numbers: "count[int]" = field(default_factory=lambda: count(1))


def make_app(
    api_key: str,
    *,
    with_faults: bool,
    embedder: Embedder = hashed,
    retired_models: bool = False,
) -> web.Application:
    """The application; its faults and counts are reachable only `with_faults`."""
    service = Service(api_key)
    app = web.Application(client_max_size=MOST_BODY_BYTES)
    answering = partial(generate, retired_models=retired_models)
    app.router.add_post(GENERATION, _handler(service, "generation", answering))
    embedding = partial(embed, embedder=embedder)
    app.router.add_post(EMBEDDING, _handler(service, "embedding", embedding))
    app.router.add_post(RERANK, _handler(service, "rerank", rerank))
    if with_faults:
        app.router.add_route("*", admin.PATH, Admin(service.faults).handle)
        app.router.add_route("*", calls.PATH, service.calls.handle)
    app.router.add_route("*", "/{path:.*}", _not_served)
    return app


Operation = Callable[[Asked], tuple[Sending, Json]]


def _handler(service: Service, operation: str, run: Operation) -> Any:
    async def handle(request: web.Request) -> web.StreamResponse:
        asked = None
        try:
            asked = await _read(request, service, operation)
            if asked.fault and asked.fault.kind == "error":
                raise error_of(asked.fault)
            sending, usage = run(asked)
        except ServiceError as error:
            sending, usage = _error(error, asked, next(service.numbers)), {}
        _record(service, operation, asked, sending, usage)
        return await send(request, sending, asked.fault if asked else None)

    return handle


async def _read(request: web.Request, service: Service, operation: str) -> Asked:
    if request.headers.get("Authorization") != f"Bearer {service.api_key}":
        raise errors.invalid_api_key()
    if request.content_type != "application/json":
        raise errors.invalid_parameter("Content-Type must be application/json.")
    if request.headers.get("X-DashScope-Async"):
        raise errors.invalid_parameter("Asynchronous tasks are not served by local rules.")
    body = _object(await request.read())
    digest = hash_of(body.get("input"))
    number = next(service.numbers)
    streaming = request.headers.get("X-DashScope-SSE") == "enable"
    texts = json.dumps(body["input"], ensure_ascii=False).encode("utf-8", "surrogatepass")
    fault = service.faults.strike(operation, texts)
    return Asked(operation, body, streaming, f"local-rules-{digest}-{number}", digest, fault)


def _object(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise errors.invalid_parameter(
            "Required body invalid, please check the request body format."
        ) from error
    if not isinstance(body, dict) or not isinstance(body.get("input"), dict):
        raise errors.invalid_parameter("Required input is missing or not an object.")
    if not isinstance(body.get("parameters") or {}, dict):
        raise errors.invalid_parameter("parameters must be an object.")
    return body


def hash_of(asked: object) -> str:
    """16 hex digits of the canonical JSON of a request's `input`."""
    canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _error(error: ServiceError, asked: Asked | None, number: int) -> Sending:
    request_id = asked.request_id if asked else f"local-rules-unread-{number}"
    body = {"code": error.code, "message": error.message, "request_id": request_id}
    return Sending(error.status, [body], headers(asked) if asked else dict(RULES_HEADER))


def _record(
    service: Service, operation: str, asked: Asked | None, sending: Sending, usage: Json
) -> None:
    call = Call(
        operation=operation,
        model=str(asked.body.get("model")) if asked else "",
        status=sending.status,
        code=str(sending.parts[0].get("code", "")),
        fault=asked.fault.kind if asked and asked.fault else None,
        request_hash=asked.request_hash if asked else "",
        input_tokens=int(usage.get("input_tokens") or usage.get("total_tokens", 0)),
        output_tokens=usage.get("output_tokens", 0),
    )
    service.calls.add(call)
    LOGGER.info("dashscope.answered by=rules-not-a-model %s", call)


async def _not_served(request: web.Request) -> web.StreamResponse:
    return await send(request, _error(errors.not_served(request.path), None, 0), None)

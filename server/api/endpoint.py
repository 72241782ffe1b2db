"""From a request to an operation and back: who asks, decoded, done, encoded."""

from collections.abc import Iterator
from typing import Any

import msgspec
from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tablestore_memory.server.access import Tokens
from tablestore_memory.server.api.call import Call, done
from tablestore_memory.server.api.health import health
from tablestore_memory.server.api.openapi import document
from tablestore_memory.server.api.reading import body_of, parameters_of
from tablestore_memory.server.api.table import OPERATIONS, Operation
from tablestore_memory.server.connections import Connections

_JSON = "application/json"
_PROBES = 4
"""Threads of their own: a probe does not wait for stores that others wait for."""


def routes(connections: Connections, tokens: Tokens) -> Iterator[Route]:
    """Those of the table, and the two that need no token."""
    for operation in OPERATIONS:
        yield _route(operation, connections, tokens)
    yield Route("/openapi.json", _openapi, methods=["GET"])
    yield Route("/health", _health(connections), methods=["GET"])


def _route(operation: Operation, connections: Connections, tokens: Tokens) -> Route:
    async def endpoint(request: Request) -> Response:
        access = tokens.access(request.headers.get("authorization"))
        parameters = parameters_of(request, operation.parameters)
        body = None if operation.body is None else await body_of(request, operation.body)
        call = Call(connections, access)
        answer = await done(connections.threads, operation.function, call, parameters, body)
        return answer if isinstance(answer, Response) else json_of(answer, operation.status)

    # An id may have any character, and a server decodes %2F before it looks for the path.
    path = operation.path.replace("}", ":path}")
    return Route(path, endpoint, methods=[operation.method])


def json_of(answer: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type=_JSON)


async def _openapi(_: Request) -> Response:
    return json_of(document())


def _health(connections: Connections) -> Any:
    own_threads = CapacityLimiter(_PROBES)

    async def endpoint(_: Request) -> Response:
        return json_of(await done(own_threads, health, connections))

    return endpoint

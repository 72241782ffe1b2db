"""All rooms of the server behind its guards. A further room is one more route here, with its own access."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from tablestore_memory.server.access import Tokens
from tablestore_memory.server.api.endpoint import routes
from tablestore_memory.server.connections import Connections
from tablestore_memory.server.guards.bodies import Bodies
from tablestore_memory.server.guards.crowd import Crowd
from tablestore_memory.server.guards.failures import Failures, problem_of
from tablestore_memory.server.guards.names import Names
from tablestore_memory.server.guards.patience import Patience
from tablestore_memory.server.guards.traces import InTrace
from tablestore_memory.server.mcp.transports import McpOverHttp
from tablestore_memory.server.problems import MethodNotAllowed
from tablestore_memory.server.settings import ServerSettings
from tablestore_memory.server.shares import Shares


def memory_app(
    connections: Connections, tokens: Tokens, rooms: Sequence[BaseRoute] = ()
) -> Starlette:
    """HTTP, MCP, metrics and further rooms. Its end closes the connections."""
    mcp = McpOverHttp(connections, tokens)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with mcp.run():
            yield

    app = Starlette(
        routes=[
            *routes(connections, tokens),
            Route("/mcp", mcp, methods=["POST"]),
            *rooms,
        ],
        middleware=guards(connections.settings, tokens),
        exception_handlers={HTTPException: _told},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def guards(settings: ServerSettings, tokens: Tokens) -> list[Middleware]:
    """From the outside in."""
    return [
        Middleware(Failures),
        Middleware(Crowd, most=settings.server_requests),
        Middleware(Shares, tokens=tokens, places=settings.server_requests),
        Middleware(Patience, seconds=settings.server_timeout_s),
        Middleware(Names, hosts=settings.hosts, origins=settings.origins),
        # What a browser asks before it sends a token from another page.
        Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        ),
        Middleware(Bodies, most_bytes=settings.server_body_bytes),
        Middleware(InTrace),
    ]


async def _told(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed(_methods(request)).response()
    return problem_of(error).response()


def _methods(request: Request) -> set[str]:
    """All that the path knows; a route knows only its own."""
    routes = [each for each in request.app.routes if isinstance(each, Route)]
    there = [each for each in routes if each.matches(request.scope)[0] is not Match.NONE]
    return {method for each in there for method in each.methods or ()}

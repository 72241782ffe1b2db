"""How clients reach the tools: POST /mcp with a token, or the standard streams of a process of their own."""

from typing import Any

from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from tablestore_memory.server.access import Access, Tokens
from tablestore_memory.server.connections import Connections
from tablestore_memory.server.mcp.protocol import Context, memory_server

_ACCESS = "tablestore_memory.access"


class McpOverHttp:
    """An ASGI application; `run` stands around its whole life. Host, Origin and size are the guards' matter."""

    def __init__(self, connections: Connections, tokens: Tokens) -> None:
        self._tokens = tokens
        self._manager = StreamableHTTPSessionManager(
            memory_server(connections, _access_of_request),
            # A request needs no other before it: any replica, at any time, may answer it.
            stateless=True,
            json_response=True,
            max_request_body_size=connections.settings.server_body_bytes,
        )
        self.run = self._manager.run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Unauthorized."""
        access = self._tokens.access(Headers(scope=scope).get("authorization"))
        await self._manager.handle_request({**scope, _ACCESS: access}, receive, send)


def _access_of_request(context: Context) -> Access:
    request: Any = context.request
    access: Access = request.scope[_ACCESS]
    return access


async def serve_streams(connections: Connections, access: Access) -> None:
    """Until the client closes the standard input. Nothing else may write to the standard output meanwhile."""
    server: Any = memory_server(connections, lambda _: access)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

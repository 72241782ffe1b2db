"""The tools in MCP's terms: schemas of their types, calls checked by the same, failures that a model can read."""

from collections.abc import Callable
from typing import Any

import msgspec
from mcp import types
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from tablestore_memory import __version__
from tablestore_memory.server.access import Access
from tablestore_memory.server.api.call import Call, done
from tablestore_memory.server.api.reading import converted
from tablestore_memory.server.connections import Connections
from tablestore_memory.server.guards.failures import problem_of
from tablestore_memory.server.mcp.tools import TOOLS, Tool

_INSTRUCTIONS = (
    "Long-term memory of the user over all conversations. Search it before you answer anything that may depend on "
    "who the user is or on what was said before; add to it what will still matter later."
)
Context = ServerRequestContext[Any, Any]
AccessOf = Callable[[Context], Access]


def memory_server(connections: Connections, access_of: AccessOf) -> Server[Any]:
    """A server of the tools; `access_of` tells what a request may do."""

    async def list_tools(context: Context, _: object) -> types.ListToolsResult:
        access = access_of(context)
        return types.ListToolsResult(tools=[_told(tool, access) for tool in TOOLS])

    async def call_tool(
        context: Context, asked: types.CallToolRequestParams
    ) -> types.CallToolResult:
        call = Call(connections, access_of(context))
        return await _called(_named(asked.name), call, asked.arguments or {})

    return Server(
        "tablestore-memory",
        title="Memory",
        version=__version__,
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _called(tool: Tool, call: Call, arguments: dict[str, Any]) -> types.CallToolResult:
    """Also what goes wrong is an answer: a model that reads it can do better."""
    try:
        answer = await done(
            call.connections.threads, tool.function, call, converted(arguments, tool.arguments)
        )
    except Exception as error:  # noqa: BLE001 - nothing of it may reach a client in its own words
        said = types.TextContent(type="text", text=str(problem_of(error)))
        return types.CallToolResult(content=[said], is_error=True)
    content = types.TextContent(type="text", text=msgspec.json.encode(answer).decode())
    return types.CallToolResult(content=[content], structured_content=msgspec.to_builtins(answer))


def _named(name: str) -> Tool:
    for tool in TOOLS:
        if tool.name == name:
            return tool
    raise MCPError(types.INVALID_PARAMS, "there is no such tool")


def _told(tool: Tool, access: Access) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=" ".join((tool.function.__doc__ or "").split()),
        input_schema=_input_schema(tool, access),
        output_schema=_schema(tool.answer),
        annotations=types.ToolAnnotations(
            read_only_hint=tool.reads,
            destructive_hint=tool.destroys,
            idempotent_hint=tool.reads or tool.destroys,
            open_world_hint=False,
        ),
    )


def _input_schema(tool: Tool, access: Access) -> dict[str, Any]:
    """With the user where the token is for all of them, who must be named then; else without."""
    schema = _schema(tool.arguments)
    # What may be left out need not be null as well.
    schema["properties"] = {
        name: each.get("anyOf", [each])[0] for name, each in schema["properties"].items()
    }
    if access.user_id is None:
        schema["required"] = ["user_id", *schema["required"]]
    else:
        del schema["properties"]["user_id"]
    return schema


def _schema(kind: type) -> dict[str, Any]:
    """JSON Schema with the object itself at its root, as MCP wants it."""
    _, parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    schema: dict[str, Any] = parts.pop(kind.__name__)
    return schema | ({"$defs": parts} if parts else {})

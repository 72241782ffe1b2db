"""The tools for models, listed and called by the official client, unmodified, over HTTP and standard streams."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from devtools.child import Child
from devtools.deployment import Deployment
from tablestore_memory.recall.asked import KINDS
from tests.memory_server import ALL, COMMAND, memory_server, token_of, url_of

ANA = "ana-of-mcp"
TOOLS = ["add_memory", "search_memories", "get_memories", "delete_memory"]


@pytest.fixture(scope="module")
def server(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with memory_server(deployment.environment, tmp_path_factory.mktemp("journal"), ANA) as server:
        yield server


@asynccontextmanager
async def over_http(server: Child, token: str, mode: str = "auto") -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(f"{url_of(server)}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


@asynccontextmanager
async def over_streams(
    deployment: Deployment, journals: Path, *options: str
) -> AsyncIterator[Client]:
    environment = {**os.environ, **deployment.environment, "XDG_STATE_HOME": str(journals)}
    started = StdioServerParameters(command=COMMAND, args=["mcp", *options], env=environment)
    async with Client(stdio_client(started)) as client:
        yield client


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    structured: dict[str, Any] = answer.structured_content
    (content,) = answer.content
    assert content.type == "text" and json.loads(content.text) == structured
    return structured


async def every_tool_does_its_work(
    client: Client, deployment: Deployment, text: str, **user: str
) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    await called(client, "add_memory", text=text, **user)
    deployment.wait()
    found = await called(client, "search_memories", query=text, **user)
    listed = await called(client, "get_memories", **user)
    (memory,) = [each for each in listed["memories"] if each["text"] == text]
    await called(client, "delete_memory", memory_id=memory["id"], **user)
    deployment.wait()
    left = await called(client, "get_memories", **user)

    assert list(tools) == TOOLS
    assert found["memories"][0] == memory
    assert text not in [each["text"] for each in left["memories"]]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_client_lists_and_calls_every_tool_over_http(
    deployment: Deployment, server: Child, fresh_name: str, mode: str
) -> None:
    async with over_http(server, token_of(ANA), mode) as client:
        await every_tool_does_its_work(client, deployment, f"Ana keeps {fresh_name} bees.")


async def test_client_lists_and_calls_every_tool_over_standard_streams(
    deployment: Deployment, fresh_name: str, tmp_path: Path
) -> None:
    async with over_streams(deployment, tmp_path, "--user", fresh_name) as client:
        await every_tool_does_its_work(client, deployment, f"{fresh_name} keeps bees.")


async def test_tools_ask_for_the_user_where_the_token_is_for_all_of_them(
    deployment: Deployment, server: Child, fresh_name: str
) -> None:
    async with over_http(server, ALL) as client, over_http(server, token_of(ANA)) as ana:
        everybody_s, ana_s = (await client.list_tools()).tools, (await ana.list_tools()).tools
        await every_tool_does_its_work(
            client, deployment, f"{fresh_name} keeps bees.", user_id=fresh_name
        )

    assert all("user_id" in tool.input_schema["required"] for tool in everybody_s)
    assert not any("user_id" in tool.input_schema["properties"] for tool in ana_s)


async def test_every_tool_is_described_for_a_model(server: Child) -> None:
    async with over_http(server, ALL) as client:
        tools = (await client.list_tools()).tools

    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)
        assert tool.input_schema["type"] == "object"
        assert len(tool.description or "") > 100
        assert all("description" in each for each in tool.input_schema["properties"].values())
    reads = {tool.name for tool in tools if tool.annotations and tool.annotations.read_only_hint}
    assert reads == {"search_memories", "get_memories"}


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("add_memory", {}, "text: missing"),
        ("add_memory", {"text": "x", "hunter2": 1}, "hunter2: unknown"),
        ("add_memory", {"text": "x", "user_id": "eve"}, "user_id: not within this token"),
        (
            "search_memories",
            {"query": "x", "tokens": "hunter2"},
            "tokens: Expected `int`, got `str`",
        ),
        (
            "search_memories",
            {"query": "x", "kinds": ["hunter2"]},
            f"kinds: must be of {', '.join(KINDS)}",
        ),
        ("get_memories", {"cursor": "hunter2"}, "cursor: no page goes on here"),
        ("get_memories", {"user_id": "eve"}, "user_id: not within this token"),
        ("delete_memory", {"memory_id": "hunter2"}, "there is no such thing for this token"),
    ],
)
async def test_model_is_told_what_is_wrong_with_a_call(
    server: Child, tool: str, arguments: dict[str, Any], said: str
) -> None:
    async with over_http(server, token_of(ANA)) as client:
        answer = await client.call_tool(tool, arguments)

    assert answer.is_error
    (content,) = answer.content
    assert content.type == "text" and content.text == said

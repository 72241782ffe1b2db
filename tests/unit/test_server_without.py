"""What a server answers without a disk, and while Tablestore hangs: in this process, as a client sees it."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from tablestore_memory.server.access import Token, Tokens
from tablestore_memory.server.app import memory_app
from tablestore_memory.server.connections import Connections
from tablestore_memory.server.settings import ServerSettings
from tests.memory_server import ALL, problem

NOBODY = "127.0.0.1:9"  # the discard port: nothing listens


@contextmanager
def opened(redis_url: str, tablestore: str, **variables: str) -> Iterator[Connections]:
    environment = {
        "REDIS_URL": redis_url,
        "TABLESTORE_ENDPOINT": f"http://{tablestore}",
        "TABLESTORE_INSTANCE_NAME": "local",
        "TABLESTORE_ACCESS_KEY_ID": "local",
        "TABLESTORE_ACCESS_KEY_SECRET": "local",
        "DASHSCOPE_API_KEY": "local",
        **variables,
    }
    settings = ServerSettings.from_env(environment)
    with closing(Connections.opened(settings, environment)) as connections:
        yield connections


def client(connections: Connections) -> httpx2.AsyncClient:
    app = memory_app(connections, Tokens([Token(name="all", token=ALL)], "__default"))
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://localhost:8089",
        headers={"Authorization": f"Bearer {ALL}"},
    )


async def test_event_that_neither_redis_nor_the_disk_takes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    monkeypatch.setenv("MEMORY_JOURNAL_DIR", str(no_folder / "journal"))
    monkeypatch.setenv("MEMORY_EXIT_TIMEOUT_S", "0.1")
    event = {"type": "remember", "user_id": "ana", "text": "I like tea."}

    with opened(f"redis://{NOBODY}/0", NOBODY) as connections:
        async with client(connections) as http:
            answer = await http.post("/v1/events", json=event)

    assert answer.status_code == 503
    assert "disk" in problem(answer)["detail"]


async def test_health_is_told_while_all_others_wait_for_tablestore(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMORY_JOURNAL_DIR", str(tmp_path))
    with (
        socket.create_server(("127.0.0.1", 0)) as hangs,  # it takes requests and answers none
        opened(redis_url, f"127.0.0.1:{hangs.getsockname()[1]}", MEMORY_SERVER_REQUESTS="2") as own,
    ):
        async with client(own) as http, asyncio.timeout(5):
            listing = [asyncio.create_task(http.get("/v1/memories?user_id=a")) for _ in range(2)]
            while own.threads.available_tokens:  # noqa: ASYNC110 - threads take them
                await asyncio.sleep(0.01)

            answer = await http.get("/health")

            hangs.close()
            await asyncio.gather(*listing)

    assert answer.status_code == 200

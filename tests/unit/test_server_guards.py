"""What no request passes, told of a small application behind the guards, without a deployment."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from tablestore_memory.server.access import Tokens
from tablestore_memory.server.api.reading import parameters_of
from tablestore_memory.server.api.shapes import Nothing
from tablestore_memory.server.app import guards
from tablestore_memory.server.guards.failures import problem_of
from tablestore_memory.server.guards.patience import Patience
from tablestore_memory.server.problems import Malformed, TooSlow
from tablestore_memory.server.settings import ServerSettings
from tablestore_memory.worker.failures.errors import InvalidRow, Throttled
from tablestore_memory.worker.settings import Settings
from tests.memory_server import problem

SECRET = "what-nobody-may-read"
ERRORS = {
    "throttled": Throttled(SECRET),
    "invalid": InvalidRow(SECRET),
    "mistake": KeyError(SECRET),
}


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def wait(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params["seconds"]))
    return PlainTextResponse("done")


async def fail(request: Request) -> Response:
    raise ERRORS[request.query_params["how"]]


def guarded(unconnected: Settings, **settings: str) -> httpx2.AsyncClient:
    needed = {
        str(field.alias): "http://x"
        for field in Settings.model_fields.values()
        if field.is_required()
    }
    routes = [
        Route("/echo", echo, methods=["POST"]),
        Route("/login", echo, methods=["POST"]),
        Route("/wait", wait),
        Route("/health", wait),
        Route("/fail", fail),
    ]
    given = ServerSettings.from_env(needed | settings)
    tokens = Tokens(given.tokens, given.tenant)
    app = Starlette(routes=routes, middleware=guards(given, tokens))
    transport = httpx2.ASGITransport(app)
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost:8089")


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:1", "127.0.0.1:8089", "[::1]:8089", "memory.example.com:8443"]
)
async def test_server_is_asked_by_its_own_names(unconnected: Settings, host: str) -> None:
    async with guarded(unconnected, MEMORY_SERVER_HOSTS="memory.example.com:8443") as client:
        answer = await client.post("/echo", headers={"Host": host})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1:80@evil",
        "memory.example.com",
        "::1",
        "",
    ],
)
async def test_forged_host_is_refused(unconnected: Settings, host: str) -> None:
    async with guarded(unconnected, MEMORY_SERVER_HOSTS="memory.example.com:8443") as client:
        answer = await client.post("/echo", headers={"Host": host})

    assert answer.status_code == 421
    assert problem(answer)["field"] == "Host"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8089", 200),
        ("https://app.example.com", 200),
        ("http://localhost:8090", 403),
        ("http://evil.example", 403),
        ("https://app.example.com.evil.example", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
async def test_pages_of_other_origins_are_refused(
    unconnected: Settings, origin: str, status: int
) -> None:
    origins = "https://app.example.com"
    async with guarded(unconnected, MEMORY_SERVER_ORIGINS=origins) as client:
        answer = await client.post("/echo", headers={"Origin": origin})

    assert answer.status_code == status
    if status == 403:
        assert problem(answer)["field"] == "Origin"


@pytest.mark.parametrize(
    ("origin", "status"), [("https://app.example.com", 200), ("http://evil.example", 403)]
)
async def test_browser_is_told_from_which_pages_a_token_may_be_sent(
    unconnected: Settings, origin: str, status: int
) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    origins = "https://app.example.com"
    async with guarded(unconnected, MEMORY_SERVER_ORIGINS=origins) as client:
        answer = await client.options("/echo", headers={"Origin": origin} | asked)

    assert answer.status_code == status
    assert (answer.headers.get("access-control-allow-origin") == origin) == (status == 200)


@pytest.mark.parametrize("told", [True, False])
async def test_too_long_a_body_is_refused_whether_it_says_so_beforehand_or_not(
    unconnected: Settings, told: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    async with guarded(unconnected, MEMORY_SERVER_BODY_BYTES="1000") as client:
        fits = await client.post("/echo", content=b"x" * 1000)
        answer = await client.post("/echo", content=b"x" * 1001 if told else pieces())

    assert (fits.status_code, len(fits.content)) == (200, 1000)
    assert answer.status_code == 413
    problem(answer)


async def inside(
    client: httpx2.AsyncClient, go_on: asyncio.Event, **headers: str
) -> asyncio.Task[httpx2.Response]:
    """A request that has its place by now, and keeps it until it may go on."""
    begun = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        begun.set()
        await go_on.wait()
        yield b"done"

    asking = asyncio.create_task(client.post("/echo", content=slowly(), headers=headers))
    await begun.wait()
    return asking


async def test_one_request_too_many_is_told_so_and_the_others_go_on(unconnected: Settings) -> None:
    go_on = asyncio.Event()
    async with guarded(unconnected, MEMORY_SERVER_REQUESTS="2") as client:
        two = [await inside(client, go_on) for _ in range(2)]

        one_more, probe = await client.get("/wait?seconds=0"), await client.get("/health?seconds=0")
        go_on.set()
        done = await asyncio.gather(*two)
        after = await client.get("/wait?seconds=0")

    assert one_more.status_code == 503
    assert one_more.headers["retry-after"] == "1"
    problem(one_more)
    assert probe.status_code == after.status_code == 200
    assert [each.status_code for each in done] == [200, 200]


async def test_token_of_one_user_takes_no_more_than_its_share_of_the_places(
    unconnected: Settings,
) -> None:
    tokens = [
        {"name": name, "token": f"token-of-{name}-alone", **more}
        for name, more in (("eve", {"user_id": "eve"}), ("ana", {"user_id": "ana"}), ("all", {}))
    ]
    limits = {"MEMORY_SERVER_REQUESTS": "8", "MEMORY_SERVER_TOKENS": json.dumps(tokens)}

    def bearer(name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer token-of-{name}-alone"}

    async def asks(name: str, seconds: float = 0) -> int:
        answer = await client.get(f"/wait?seconds={seconds}", headers=bearer(name))
        return answer.status_code

    go_on = asyncio.Event()
    async with guarded(unconnected, **limits) as client:
        two = [await inside(client, go_on, **bearer("eve")) for _ in range(2)]

        others = [await asks(name) for name in ("eve", "ana", "all", "nobody")]
        go_on.set()
        told = [answer.status_code for answer in await asyncio.gather(*two)]
        after, all_at_once = await asks("eve"), [asks("all", 0.1) for _ in range(8)]

        assert others == [503, 200, 200, 200]
        assert told == [200, 200]
        assert after == 200
        assert await asyncio.gather(*all_at_once) == [200] * 8


async def test_strangers_who_send_slowly_keep_nobody_out(unconnected: Settings) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"token="
        begun.set()
        await sent.wait()

    begun, sent = asyncio.Event(), asyncio.Event()
    async with guarded(unconnected, MEMORY_SERVER_REQUESTS="1") as client:
        stranger = asyncio.create_task(client.post("/login", content=slowly()))
        await begun.wait()

        another, known = await client.post("/login"), await client.get("/wait?seconds=0")
        sent.set()
        answered = await stranger

    assert another.status_code == 503
    assert known.status_code == answered.status_code == 200


def test_body_that_is_broken_off_is_no_mistake_of_the_servers() -> None:
    with capture_logs() as told:
        assert problem_of(ClientDisconnect()).status == 400

    assert told == []


async def test_what_takes_too_long_is_broken_off(unconnected: Settings) -> None:
    async with guarded(unconnected, MEMORY_SERVER_TIMEOUT_S="0.2") as client:
        answer = await client.get("/wait?seconds=60")

    assert answer.status_code == 504
    problem(answer)


@pytest.mark.parametrize(("part_s", "parts", "is_served"), [(0.2, 6, True), (60, 1, False)])
async def test_slow_reader_is_served_as_long_as_each_part_is_taken_in_time(
    part_s: float, parts: int, is_served: bool
) -> None:
    taken: list[str] = []

    async def told(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(parts):
            await send({"type": "http.response.body"})

    async def take(message: Any) -> None:
        await asyncio.sleep(part_s)
        taken.append(message["type"])

    unasked: Any = None
    served = Patience(told, seconds=1)({"type": "http"}, unasked, take)
    with nullcontext() if is_served else pytest.raises(TooSlow):
        await served

    assert len(taken) == (parts if is_served else 0)


@pytest.mark.timeout(5)
def test_query_of_a_great_many_names_is_read_in_one_go() -> None:
    names = [f"n{number}" for number in range(60_000)]
    query = "&".join(f"{name}=" for name in [*names, names[-1]])

    with pytest.raises(Malformed) as refused:
        parameters_of(Request({"type": "http", "query_string": query.encode()}), Nothing)

    assert (refused.value.field, refused.value.reason) == (names[-1], "given more than once")


@pytest.mark.parametrize(
    ("how", "status"), [("throttled", 503), ("invalid", 400), ("mistake", 500)]
)
async def test_failures_are_told_and_logged_without_their_words(
    unconnected: Settings, how: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with guarded(unconnected) as client:
        answer = await client.get(f"/fail?how={how}")

    assert answer.status_code == status
    assert SECRET not in json.dumps(problem(answer))
    printed: Any = capsys.readouterr()
    assert SECRET not in printed.out + printed.err
    assert ("server.failed" in printed.out + printed.err) is (status == 500)

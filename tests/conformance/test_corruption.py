"""A request with any one byte changed gets an error and changes nothing."""

import http.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import tablestore as ots
from tablestore.protobuf import table_store_pb2 as pb

from devtools.servers import Server
from tests.conformance.tablestore import Service, create, every_key, get_columns, meta, put

KEY = [("pk", "a")]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as server:
        yield Service(server.url)


@pytest.fixture(scope="module")
def client(service: Service) -> Any:
    client = service.sync_client()
    create(client, meta("corrupt"))
    put(client, "corrupt", KEY, [("x", "untouched")])
    return client


class Captured(Exception):
    """The request the SDK was about to send."""


def captured(client: Any, row: Any) -> tuple[str, dict[str, str], bytes]:
    """Path, headers and body of a signed PutRow."""
    pool, sent = client.connection, []

    def capture(url: str, headers: dict[str, str], body: bytes) -> Any:
        sent.append((url, headers, bytes(body)))
        raise Captured

    original, pool.send_receive = pool.send_receive, capture
    try:
        client.put_row("corrupt", row, ots.Condition("IGNORE"))
    except Captured:
        pass
    finally:
        pool.send_receive = original
    return sent[0]


def send(connection: Any, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_every_byte_of_a_body_is_covered(service: Service, client: Any) -> None:
    path, headers, body = captured(client, ots.Row(KEY, [("x", "changed"), ("n", 5, 1)]))
    connection = http.client.HTTPConnection(urlsplit(service.endpoint).netloc)
    taken = []

    for place in range(len(body)):
        changed = bytearray(body)
        changed[place] ^= 1 << (place % 8)
        status, content = send(connection, path, headers, bytes(changed))
        if status < 400 or not pb.Error.FromString(content).code:
            taken.append(place)
    connection.close()

    assert taken == []
    assert get_columns(client, "corrupt", KEY) == {"x": "untouched"}
    assert every_key(client, "corrupt", ["pk"]) == [["a"]]


def test_every_byte_of_a_signed_header_is_covered(service: Service, client: Any) -> None:
    path, headers, body = captured(client, ots.Row(KEY, [("x", "changed")]))
    connection = http.client.HTTPConnection(urlsplit(service.endpoint).netloc)
    taken = []

    for name in [name for name in headers if name.startswith("x-ots-")]:
        for place in range(len(headers[name])):
            value = headers[name]
            other = "0" if value[place] != "0" else "1"
            changed = value[:place] + other + value[place + 1 :]
            status, _ = send(connection, path, headers | {name: changed}, body)
            if status < 400:
                taken.append((name, place))
    connection.close()

    assert taken == []
    assert get_columns(client, "corrupt", KEY) == {"x": "untouched"}


def test_server_answers_after_all_of_that(client: Any) -> None:
    put(client, "corrupt", [("pk", "b")], [("x", 1)])

    assert get_columns(client, "corrupt", [("pk", "b")]) == {"x": 1}

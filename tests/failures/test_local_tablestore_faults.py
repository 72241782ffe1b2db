"""Faults on demand: each does what it says, through the official clients."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import tablestore as ots
from tablestore.retry import DefaultRetryPolicy

from devtools.servers import Server, wait_until
from tests.conformance.tablestore import (
    IGNORE,
    Service,
    batch,
    create,
    every_key,
    get_columns,
    meta,
    put,
    refused,
)

KEY = [("pk", "a")]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    options = ("--data", ":memory:", "--index-lag", "0", "--faults")
    with Server.start("tablestore", *options) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Any:
    return Service(server.url).sync_client()


@pytest.fixture
def table(client: Any, fresh_name: str) -> Iterator[str]:
    create(client, meta(fresh_name))
    yield fresh_name
    for _, index in client.list_search_index(fresh_name):
        client.delete_search_index(fresh_name, index)
    client.delete_table(fresh_name)


class Faults:
    """The admin path."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_faults"

    def add(self, **fault: Any) -> None:
        self._send("POST", json.dumps(fault).encode())

    def listed(self) -> list[dict[str, Any]]:
        return list(self._send("GET"))

    def clear(self) -> None:
        self._send("DELETE")

    def _send(self, method: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(self._url, body, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@pytest.fixture
def faults(server: Server) -> Iterator[Faults]:
    faults = Faults(server.url)
    yield faults
    faults.clear()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("OTSServerBusy", 503),
        ("OTSNotEnoughCapacityUnit", 403),
        ("OTSServerUnavailable", 503),
        ("OTSPartitionUnavailable", 503),
        ("OTSTimeout", 503),
        ("OTSInternalServerError", 500),
        ("OTSQuotaExhausted", 403),
        ("OTSTableNotReady", 404),
        ("OTSRowOperationConflict", 409),
    ],
)
def test_error_as_often_as_asked(
    client: Any, table: str, faults: Faults, code: str, status: int
) -> None:
    faults.add(kind="error", operation="PutRow", code=code, times=2)

    for _ in range(2):
        with refused(code, status):
            put(client, table, KEY)
    put(client, table, KEY, [("x", 1)])

    assert get_columns(client, table, KEY) == {"x": 1}
    assert faults.listed()[0]["happened"] == 2


def test_other_operations_go_on(client: Any, table: str, faults: Faults) -> None:
    faults.add(kind="error", operation="GetRow")

    put(client, table, KEY)

    with refused("OTSServerBusy", 503):
        get_columns(client, table, KEY)
    assert every_key(client, table, ["pk"]) == [["a"]]


def test_sdk_retries_throttling(server: Server, table: str, faults: Faults) -> None:
    retrying = Service(server.url).sync_client(retry_policy=DefaultRetryPolicy())
    faults.add(kind="error", operation="PutRow", code="OTSServerBusy", times=1)

    put(retrying, table, KEY, [("x", 1)])

    assert get_columns(retrying, table, KEY) == {"x": 1}


def test_error_after_the_work_is_done(client: Any, table: str, faults: Faults) -> None:
    faults.add(kind="error", operation="PutRow", code="OTSTimeout", after=True)

    with refused("OTSTimeout", 503):
        put(client, table, KEY, [("x", 1)])

    assert get_columns(client, table, KEY) == {"x": 1}


@pytest.mark.parametrize("after", [False, True])
def test_reset_before_or_after_the_work(
    client: Any, table: str, faults: Faults, after: bool
) -> None:
    # urllib3 sends a request again that got no answer, so the fault stays for a while.
    faults.add(kind="reset", operation="PutRow", after=after)

    with pytest.raises(Exception, match=r"(?i)connection|reset|aborted|remote"):
        put(client, table, KEY, [("x", 1)])

    assert get_columns(client, table, KEY) == ({"x": 1} if after else None)


def test_latency_runs_into_the_clients_timeout(server: Server, table: str, faults: Faults) -> None:
    hasty = Service(server.url).sync_client(socket_timeout=0.2)
    faults.add(kind="latency", operation="PutRow", seconds=5)

    with pytest.raises(Exception, match="timed out"):
        put(hasty, table, KEY)


def test_latency_leaves_the_answer_as_it_is(client: Any, table: str, faults: Faults) -> None:
    faults.add(kind="latency", seconds=0.05)

    put(client, table, KEY, [("x", 1)])

    assert get_columns(client, table, KEY) == {"x": 1}
    assert faults.listed()[0]["happened"] == 2


def test_every_third_row_of_a_batch_fails(client: Any, table: str, faults: Faults) -> None:
    faults.add(kind="rows", operation="BatchWriteRow", code="OTSServerBusy", every=3)
    items = [ots.PutRowItem(ots.Row([("pk", f"{n}")], []), IGNORE) for n in range(7)]

    answer = client.batch_write_row(batch(table, *items))

    outcomes = answer.table_of_put[table]
    assert [row.is_ok for row in outcomes] == [True, True, False, True, True, False, True]
    assert outcomes[2].error_code == "OTSServerBusy"
    assert every_key(client, table, ["pk"]) == [["0"], ["1"], ["3"], ["4"], ["6"]]


def test_rows_of_a_batch_read_fail(client: Any, table: str, faults: Faults) -> None:
    put(client, table, KEY)
    faults.add(kind="rows", operation="BatchGetRow", code="OTSPartitionUnavailable", times=1)
    request = ots.BatchGetRowRequest()
    request.add(ots.TableInBatchGetRowItem(table, [KEY], [], None, 1))

    _, failed = client.batch_get_row(request).get_result()
    succeeded, _ = client.batch_get_row(request).get_result()

    assert [row.error_code for row in failed] == ["OTSPartitionUnavailable"]
    assert len(succeeded) == 1


def found(client: Any, table: str) -> int:
    query = ots.SearchQuery(ots.MatchAllQuery(), get_total_count=True)
    return int(client.search(table, "i", query).total_count)


def make_index(client: Any, table: str) -> None:
    fields = [ots.FieldSchema("x", ots.FieldType.LONG)]
    client.create_search_index(table, "i", ots.SearchIndexMeta(fields))
    wait_until(lambda: found(client, table) >= 0, "the index answers")


def test_index_that_stopped_catches_up_afterwards(client: Any, table: str, faults: Faults) -> None:
    make_index(client, table)
    faults.add(kind="index-stop")

    put(client, table, KEY, [("x", 1)])
    assert found(client, table) == 0
    faults.clear()

    wait_until(lambda: found(client, table) == 1, "the index catches up")


def test_index_lags_by_a_minute(client: Any, table: str, faults: Faults) -> None:
    make_index(client, table)
    faults.add(kind="index-lag", seconds=[60, 60])

    put(client, table, KEY, [("x", 1)])
    assert found(client, table) == 0
    faults.clear()
    put(client, table, [("pk", "b")], [("x", 2)])

    wait_until(lambda: found(client, table) == 1, "later writes come at once again")


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "flood"},
        {"kind": "error", "code": "OTSNothing"},
        {"kind": "error", "often": 3},
        {"kind": "index-lag", "seconds": 5},
        {"kind": "latency", "seconds": [1, 2]},
        {"kind": "rows", "every": 0},
    ],
)
def test_bad_fault_is_refused(faults: Faults, fault: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        faults.add(**fault)

    assert caught.value.code == 400
    assert json.load(caught.value)["error"]
    assert faults.listed() == []


def test_admin_path_is_not_there_unless_asked_for(tablestore_url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        Faults(tablestore_url).add(kind="error")

    assert caught.value.code == 400

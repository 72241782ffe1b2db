"""The store fails in part, for a while, or for one row: nothing is lost, nothing good is set aside."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import tablestore as ots

from devtools.deployment import Deployment
from devtools.faults import Faults
from tablestore_memory.worker.failures.errors import (
    BadCredentials,
    ResourceMissing,
    ServiceFails,
    Throttled,
    Unavailable,
)
from tablestore_memory.worker.ingest.batches import Batch, build_batch
from tablestore_memory.worker.state.entries import StreamEntry
from tablestore_memory.worker.stores.tables import connect
from tests.failures.ingesting import (
    append,
    dead,
    drain_all,
    fault,
    message,
    texts,
    waiting,
)


def test_rows_that_fail_once_are_written_alone_a_moment_later(
    undrained: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    append(undrained, 0, *(message(fresh_name, n) for n in range(50)))

    with fault(faulty_tablestore_url, "rows", operation="BatchWriteRow", every=7, times=1):
        drain_all(undrained, 0)

    assert texts(undrained, fresh_name) == [f"text {n}" for n in range(50)]
    assert waiting(undrained, 0) == 0
    assert dead(undrained) == []


def test_rows_that_keep_failing_wait_while_the_others_are_settled(
    undrained: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    append(undrained, 0, *(message(f"{fresh_name}-{n}", 1) for n in range(20)))

    with (
        fault(faulty_tablestore_url, "rows", operation="BatchWriteRow", every=2),
        pytest.raises(Throttled),
    ):
        undrained.services.ingest.drain(0)
    left = waiting(undrained, 0)
    drain_all(undrained, 0)

    assert 0 < left < 20
    assert all(texts(undrained, f"{fresh_name}-{n}") == ["text 1"] for n in range(20))
    assert dead(undrained) == []


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        ("error", {"code": "OTSServerBusy"}, Throttled),
        ("error", {"code": "OTSTimeout", "after": True}, Unavailable),
        ("error", {"code": "OTSInternalServerError"}, Unavailable),
        ("reset", {}, Unavailable),
        ("reset", {"after": True}, Unavailable),
    ],
)
def test_request_that_fails_is_told_at_once_and_done_again_later(
    undrained: Deployment,
    faulty_tablestore_url: str,
    fresh_name: str,
    kind: str,
    fields: dict[str, object],
    error: type[Exception],
) -> None:
    append(undrained, 0, *(message(fresh_name, n) for n in range(10)))

    with fault(faulty_tablestore_url, kind, operation="BatchWriteRow", times=1, **fields):
        with pytest.raises(error):
            undrained.services.ingest.drain(0)
        tried = Faults(faulty_tablestore_url).happened()
    drain_all(undrained, 0)

    assert tried == 1
    assert texts(undrained, fresh_name) == [f"text {n}" for n in range(10)]
    assert dead(undrained) == []


def test_store_that_fails_at_everything_pauses_and_sets_nothing_aside(
    undrained: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    append(undrained, 0, message(fresh_name, 1))

    with fault(faulty_tablestore_url, "error", operation="BatchWriteRow", code="OTSServerBusy"):
        for _ in range(5):
            with pytest.raises(ServiceFails):
                undrained.services.ingest.drain(0)
    set_aside = dead(undrained)
    drain_all(undrained, 0)

    assert set_aside == []
    assert texts(undrained, fresh_name) == ["text 1"]


def test_entry_that_alone_keeps_failing_is_set_aside_after_its_tries(
    undrained: Deployment, fresh_name: str
) -> None:
    """Nobody foresaw what it does; what it says is not told."""

    def failing(entries: Sequence[StreamEntry], *more: Any) -> Batch:
        if any(b"odd" in entry.raw for entry in entries):
            raise KeyError("odd")
        return build_batch(entries, *more)

    ingest = replace(undrained.services.ingest, build=failing)
    append(undrained, 0, message(fresh_name, 0), message(fresh_name, 1, "odd"))
    append(undrained, 0, *(message(fresh_name, n) for n in range(2, 9)))

    failures = 0
    while waiting(undrained, 0):
        try:
            ingest.drain(0)
        except KeyError:
            failures += 1

    assert failures == 3  # with its batch, and twice alone
    assert texts(undrained, fresh_name) == [f"text {n}" for n in range(9) if n != 1]
    (letter,) = dead(undrained)
    assert (letter.error, "odd" in letter.reason) == ("KeyError", False)


def test_refused_request_is_taken_apart_and_nothing_good_is_set_aside(
    undrained: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    append(undrained, 0, *(message(fresh_name, n) for n in range(30)))

    with fault(
        faulty_tablestore_url,
        "error",
        operation="BatchWriteRow",
        code="OTSParameterInvalid",
        times=3,
    ):
        drain_all(undrained, 0)

    assert texts(undrained, fresh_name) == [f"text {n}" for n in range(30)]
    assert dead(undrained) == []


def test_row_the_store_refuses_is_set_aside_alone_with_its_reason(
    undrained: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    append(undrained, 0, *(message(fresh_name, n) for n in range(30)))

    with fault(
        faulty_tablestore_url,
        "rows",
        operation="BatchWriteRow",
        code="OTSParameterInvalid",
        every=20,
        times=1,
    ):
        drain_all(undrained, 0)

    assert texts(undrained, fresh_name) == [f"text {n}" for n in range(30) if n != 19]
    (letter,) = dead(undrained)
    assert b"text 19" in letter.event
    assert letter.error == "InvalidRow"
    assert "OTSParameterInvalid" in letter.reason
    assert letter.queue == "ingest"
    assert letter.deliveries == 1
    assert abs(letter.dead_lettered_ms / 1000 - time.time()) < 60


def test_batch_of_large_events_is_cut_to_what_a_request_holds(
    undrained: Deployment, fresh_name: str
) -> None:
    append(undrained, 0, *(message(fresh_name, n, f"{n}" + "x" * 250_000) for n in range(40)))

    drain_all(undrained, 0)

    assert [len(text) for text in texts(undrained, fresh_name)] == [
        250_000 + len(str(n)) for n in range(40)
    ]
    assert dead(undrained) == []


def test_later_event_with_an_earlier_stamp_never_moves_the_session_back(
    undrained: Deployment, fresh_name: str
) -> None:
    append(undrained, 0, message(fresh_name, 9))
    drain_all(undrained, 0)
    append(undrained, 0, message(fresh_name, 3))

    drain_all(undrained, 0)

    (session,) = undrained.services.sessions.of_user(fresh_name)
    assert session.update_time == message(fresh_name, 9).created_at
    assert texts(undrained, fresh_name) == ["text 3", "text 9"]


def test_session_row_of_an_app_keeps_what_the_app_put_there(
    undrained: Deployment, fresh_name: str
) -> None:
    services = undrained.services
    key = [("user_id", fresh_name), ("session_id", fresh_name)]
    row = ots.Row(key, [("title", "Hiking"), ("update_time", 1)])
    anyway = ots.Condition(ots.RowExistenceExpectation.IGNORE)
    services.tablestore.put_row(services.names.session, row, anyway)
    append(undrained, 0, message(fresh_name, 1))

    drain_all(undrained, 0)

    _, kept, _ = services.tablestore.get_row(services.names.session, key, max_version=1)
    columns = {column[0]: column[1] for column in kept.attribute_columns}
    assert columns == {"title": "Hiking", "update_time": message(fresh_name, 1).created_at}


def test_what_every_event_would_meet_is_said_as_such(
    undrained: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    append(undrained, 0, message(fresh_name, 1))

    for code, error in (("OTSAuthFailed", BadCredentials), ("OTSInvalidPK", ResourceMissing)):
        with (
            fault(faulty_tablestore_url, "error", operation="BatchWriteRow", code=code),
            pytest.raises(error),
        ):
            undrained.services.ingest.drain(0)

    assert waiting(undrained, 0) == 1
    assert dead(undrained) == []


def test_refused_connection_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """urllib3 under the SDK repeats three times unless it is told not to."""
    tried: list[str] = []
    client = connect("http://127.0.0.1:9", "local", "local", "local")
    connection = client.connection.pool.connection_from_url("http://127.0.0.1:9")
    make = connection._new_conn

    def counted() -> object:
        tried.append("connection")
        return make()

    monkeypatch.setattr(connection, "_new_conn", counted)
    with pytest.raises(Exception, match="refused"):
        client.list_table()

    assert len(tried) == 1

"""ComputeSplits and ParallelScan: every row that matches, and sessions that expire."""

import time
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
import tablestore as ots

from devtools.servers import wait_until
from tests.conformance.searched import EVERYTHING, FROM_INDEX, Searched, keyword, long, returned
from tests.conformance.tablestore import refused

ALL = ots.MatchAllQuery()
INVALID = ("OTSParameterInvalid", 400)


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    fields = (
        keyword("k"),
        long("n"),
        long("many", is_array=True),
        long("hidden", store=False),
        ots.FieldSchema("g", ots.FieldType.GEOPOINT),
    )
    rows = Searched(client, table, *fields)
    return rows.put_all({f"{n:03}": {"k": "xy"[n % 2], "n": n, "hidden": n} for n in range(25)})


def scan(rows: Searched, session: Any, query: Any = ALL, **options: Any) -> Any:
    columns = options.pop("columns", FROM_INDEX)
    asked = {"limit": 10, "next_token": None, "current_parallel_id": 0, "max_parallel": 1}
    scan_query = ots.ScanQuery(query, **asked | options)
    return rows.client.parallel_scan(rows.table, rows.INDEX, scan_query, session, columns)


def session_of(rows: Searched) -> Any:
    return rows.client.compute_splits(rows.table, rows.INDEX).session_id


def keys(response: Any) -> list[Any]:
    return [row[0][0][1] for row in response.rows]


def test_splits_are_one(rows: Searched) -> None:
    splits = rows.client.compute_splits(rows.table, rows.INDEX)

    assert splits.splits_size == 1
    assert splits.session_id


def test_scan_goes_on_until_there_is_no_token(rows: Searched) -> None:
    session, token = session_of(rows), None
    pages: list[list[Any]] = []
    while token or not pages:
        response = scan(rows, session, next_token=token)
        pages.append(keys(response))
        token = response.next_token

    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert sorted(chain(*pages)) == [f"{n:03}" for n in range(25)]


def test_scan_finds_what_the_query_means(rows: Searched) -> None:
    query = ots.BoolQuery(must_queries=[ots.TermQuery("k", "x"), ots.RangeQuery("n", 0, 5)])

    assert sorted(keys(scan(rows, session_of(rows), query))) == ["000", "002", "004"]


def test_2000_rows_are_the_most_at_once(rows: Searched) -> None:
    assert len(keys(scan(rows, session_of(rows), limit=100_000))) == 25


def test_session_sees_the_rows_of_its_first_scan(rows: Searched) -> None:
    session = session_of(rows)
    first = scan(rows, session, limit=20)
    rows.put("000", k="changed")
    rows.delete("024")
    rows.put("new", k="x")
    rows.settle()

    second = scan(rows, session, limit=20, next_token=first.next_token)
    anew = scan(rows, session_of(rows), limit=100)

    assert sorted(keys(first) + keys(second)) == [f"{n:03}" for n in range(25)]
    assert "new" in keys(anew)
    assert "024" not in keys(anew)


def test_scan_without_a_session_goes_by_its_token(rows: Searched) -> None:
    first = scan(rows, None, limit=20)
    second = scan(rows, None, limit=20, next_token=first.next_token)

    assert len({*keys(first), *keys(second)}) == 25


def test_columns_come_from_the_index_alone(rows: Searched) -> None:
    session = session_of(rows)

    def columns(asked: Any) -> list[str]:
        return [cell[0] for cell in scan(rows, session, limit=1, columns=asked).rows[0][1]]

    assert columns(FROM_INDEX) == ["k", "n"]
    assert columns(returned("n", "pk")) == ["n"]
    for asked in (EVERYTHING, returned("hidden"), returned("nowhere")):
        with refused(*INVALID):
            columns(asked)


def test_arrays_and_points_come_as_the_service_writes_them(rows: Searched) -> None:
    rows.put("000", many="[1,  2]", g="10,50", k="z")
    rows.settle()
    wait_until(lambda: rows.count(ots.TermQuery("k", "z")) == 1, "the changed row")

    [row] = scan(rows, session_of(rows), ots.TermQuery("k", "z")).rows

    assert {cell[0]: cell[1] for cell in row[1]} == {"g": "10.0,50.0", "k": "z", "many": "[1,2]"}


EXPIRED = ("OTSSessionExpired", 400, "ScanQuery'session is expired, please retry ")


def test_session_expires_unless_it_is_asked_in_time(rows: Searched, local_only: None) -> None:
    """The service promises no moment at which it does."""
    session = session_of(rows)
    first = scan(rows, session, alive_time=1)
    over = time.monotonic() + 1.1

    wait_until(lambda: time.monotonic() > over, "its second is over")

    with refused(*EXPIRED):
        scan(rows, session, next_token=first.next_token)


def test_session_that_was_never_opened_has_expired(rows: Searched) -> None:
    with refused(*EXPIRED):
        scan(rows, "no session at all")


def test_session_of_an_index_that_was_made_anew_has_expired(client: Any, rows: Searched) -> None:
    session = session_of(rows)
    first = scan(rows, session)
    client.delete_search_index(rows.table, rows.INDEX)
    client.create_search_index(rows.table, rows.INDEX, ots.SearchIndexMeta([keyword("k")]))

    with refused(*EXPIRED):
        scan(rows, session, next_token=first.next_token)


def test_ten_scans_at_a_time_are_the_most(rows: Searched, local_only: None) -> None:
    for number in range(10):
        scan(rows, session_of(rows), ots.RangeQuery("n", number))

    with refused("OTSQuotaExhausted", 403, "10 scans"):
        scan(rows, session_of(rows))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"current_parallel_id": 101},
            "[parallel_scan.current_parallel_id] must in [0, max_parallel), current max_parallel "
            "is 1, current_parallel_id is 101",
        ),
        (
            {"max_parallel": 2},
            "[parallel_scan.max_parallel_id] must in (0 ,1], current max_parallel_id is 2",
        ),
        ({"limit": 0}, "limit"),
        ({"next_token": b"nonsense"}, "token"),
    ],
    ids=["parallel id", "max parallel", "limit", "token"],
)
def test_what_makes_no_sense_is_refused(rows: Searched, options: Any, message: str) -> None:
    with refused(*INVALID, message):
        scan(rows, session_of(rows), **options)


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (
            lambda client, table: client.compute_splits(table, None),
            "OTSParameterInvalid",
            "[search index splits options] must not be null",
        ),
        (
            lambda client, table: client.compute_splits(table, "not_there"),
            "OTSMetaNotMatch",
            "search index [not_there] does not exist",
        ),
        (
            lambda client, table: client.compute_splits(f"{table}_no", Searched.INDEX),
            "OTSParameterInvalid",
            "_no] does not exist",
        ),
    ],
    ids=["no index", "missing index", "missing table"],
)
def test_splits_of_nothing_are_refused(
    client: Any, rows: Searched, call: Callable[..., Any], code: str, message: str
) -> None:
    with refused(code, 400, message):
        call(client, rows.table)


def test_scan_of_a_missing_index_is_refused(client: Any, rows: Searched) -> None:
    query = ots.ScanQuery(ALL, 10, None, 0, 1)

    with refused("OTSObjectNotExist", 404):
        client.parallel_scan(rows.table, "not_there", query, None)

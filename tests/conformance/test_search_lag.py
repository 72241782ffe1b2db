"""An index that lags behind its table, is stopped, or comes back after a crash.

These tests have servers of their own and stop the index where it must not know yet; nothing here
depends on how fast a test runs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tablestore as ots

from devtools.faults import Faults
from devtools.servers import Server, wait_until
from tests.conformance.searched import FROM_INDEX, Searched, keyword, long, text, vector
from tests.conformance.tablestore import Service, create, meta, put

ALL = ots.MatchAllQuery()
EVERYTHING = ots.ColumnsToGet(return_type=ots.ColumnReturnType.ALL)


class Syncing:
    """A server whose indexes are up to date until they are told to stop."""

    def __init__(self, server: Server) -> None:
        self.faults = Faults(server.url)
        self.client = Service(server.url).sync_client()

    def stop(self) -> None:
        self.faults.add("index-stop")

    def go_on(self) -> None:
        self.faults.clear()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server.start("tablestore", "--data", ":memory:", "--index-lag", "0", "--faults") as server:
        yield server


@pytest.fixture
def syncing(server: Server) -> Iterator[Syncing]:
    syncing = Syncing(server)
    yield syncing
    syncing.go_on()


@pytest.fixture
def rows(syncing: Syncing, fresh_name: str) -> Searched:
    create(syncing.client, meta(fresh_name))
    return Searched(syncing.client, fresh_name, keyword("pk"), long("n"))


def sync_stat(searched: Searched) -> Any:
    return searched.client.describe_search_index(searched.table, searched.INDEX, True)[1]


def test_write_is_readable_before_it_is_searchable(syncing: Syncing, rows: Searched) -> None:
    syncing.stop()
    rows.put("a", n=1)
    _, row, _ = rows.client.get_row(rows.table, [("pk", "a")], max_version=1)
    while_stopped = rows.keys(ALL)
    syncing.go_on()

    assert row is not None
    assert while_stopped == []
    assert rows.keys(ALL) == ["a"]


def test_deleted_row_is_found_until_the_index_knows(syncing: Syncing, rows: Searched) -> None:
    rows.put("a", n=1)
    syncing.stop()
    rows.delete("a")
    while_stopped = rows.rows(ALL, FROM_INDEX)
    syncing.go_on()

    assert while_stopped == {"a": {"n": 1}}
    assert rows.keys(ALL) == []


def test_row_that_is_gone_from_the_table_shows_no_columns_of_it(
    syncing: Syncing, rows: Searched
) -> None:
    rows.put("a", n=1, elsewhere=2)
    syncing.stop()
    rows.delete("a")

    found = rows.search(ALL, columns=EVERYTHING)

    assert (found.rows, found.search_hits, found.total_count) == ([], [], 1)


def test_index_shows_what_it_knows_and_the_table_what_is(syncing: Syncing, rows: Searched) -> None:
    rows.put("a", n=1)
    syncing.stop()
    rows.put("a", n=2, elsewhere=1)

    assert rows.keys(ots.TermQuery("n", 1)) == ["a"]
    assert rows.rows(ALL, FROM_INDEX) == {"a": {"n": 1}}
    assert rows.rows(ALL, EVERYTHING) == {"a": {"n": 2, "elsewhere": 1}}


def test_describe_tells_how_far_the_index_is(syncing: Syncing, rows: Searched) -> None:
    rows.put("a", n=1)
    syncing.stop()
    rows.put("b", n=2)
    stopped = [sync_stat(rows).current_sync_timestamp for _ in range(2)]
    syncing.go_on()

    assert stopped[0] == stopped[1] > 0
    assert sync_stat(rows).current_sync_timestamp > stopped[0]


def test_later_change_of_a_row_never_shows_before_an_earlier_one(
    syncing: Syncing, rows: Searched
) -> None:
    syncing.faults.add("index-lag", seconds=[0, 0.5])
    for n in range(30):
        rows.put("a", n=n)
    seen: list[int] = []

    def last_is_seen() -> bool:
        seen.extend(row["n"] for row in rows.rows(ALL, FROM_INDEX).values())
        return seen[-1:] == [29]

    wait_until(last_is_seen, "the last change is found")
    assert seen == sorted(seen)


def test_index_over_existing_rows_is_full_first_then_incremental(
    syncing: Syncing, fresh_name: str
) -> None:
    create(syncing.client, meta(fresh_name))
    put(syncing.client, fresh_name, [("pk", "old")], [("n", 1)])
    syncing.stop()
    searched = Searched(syncing.client, fresh_name, long("n"))
    searched.put("new", n=2)
    before = sync_stat(searched).sync_phase, searched.keys(ALL)
    syncing.go_on()

    assert before == (ots.SyncPhase.FULL, [])
    assert searched.keys(ALL) == ["new", "old"]
    assert sync_stat(searched).sync_phase == ots.SyncPhase.INCR


def test_changes_become_visible_by_themselves_where_the_index_lags(fresh_name: str) -> None:
    options = ("--data", ":memory:", "--index-lag", "0.1-0.3")
    with Server.start("tablestore", *options) as server:
        client = Service(server.url).sync_client()
        create(client, meta(fresh_name))
        searched = Searched(client, fresh_name, long("n"))
        searched.put("a", n=1)

        wait_until(lambda: searched.keys(ALL) == ["a"], "the row is found")
        searched.delete("a")
        wait_until(lambda: searched.keys(ALL) == [], "the row is not found any more")


def test_index_is_there_again_after_a_crash(tmp_path: Path, fresh_name: str) -> None:
    options = ("--data", str(tmp_path / "rows.db"), "--index-lag", "0")
    with Server.start("tablestore", *options) as server:
        create(Service(server.url).sync_client(), meta(fresh_name))
        searched = Searched(
            Service(server.url).sync_client(), fresh_name, text("t"), vector("v", 2), long("n")
        )
        searched.put_all(
            {"a": {"t": "green tea", "v": "[1, 0]", "n": 1}, "b": {"t": "coffee", "v": "[0, 1]"}}
        )
        searched.put("a", t="black tea", v="[1, 0]", n=2)
        described = searched.client.describe_search_index(fresh_name, searched.INDEX, True)
        server.kill()
        server.restart()
        searched.client = Service(server.url).sync_client()

        assert searched.keys(ots.MatchQuery("t", "black")) == ["a"]
        assert searched.keys(ots.MatchQuery("t", "green")) == []
        assert searched.keys(ots.KnnVectorQuery("v", 1, [0.0, 1.0])) == ["b"]
        again = searched.client.describe_search_index(fresh_name, searched.INDEX, True)
        assert str(again[0]) == str(described[0])

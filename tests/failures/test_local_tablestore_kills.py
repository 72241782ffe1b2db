"""SIGKILL of the local Tablestore during a write load: what was answered is there, nothing is half.

KILLS=20 pytest tests/failures/test_local_tablestore_kills.py  runs the long form.
"""

import itertools
import os
import random
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tablestore as ots
from tablestore import SecondaryIndexMeta, SecondaryIndexType

from devtools.servers import Server, wait_until
from tests.conformance.tablestore import IGNORE, Service, batch, create, get_range, meta

KILLS = int(os.environ.get("KILLS", "3"))
WRITERS = 3
ROWS_OF_A_BATCH = 20
ROWS_BEFORE_A_KILL = 300
KEY = [("s", "STRING"), ("n", "INTEGER")]
PARTS = 6  # columns of a row that must stand together


class Writers:
    """Threads that write until the server is gone, and know what was answered."""

    def __init__(self, service: Service) -> None:
        self.answered: dict[tuple[str, int], int] = {}
        self._service = service
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._threads = [
            threading.Thread(target=self._write, args=(f"w{n}",), daemon=True)
            for n in range(WRITERS)
        ]
        for thread in self._threads:
            thread.start()

    def have_answers(self, count: int) -> bool:
        return len(self.answered) > count

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=30)
            assert not thread.is_alive(), "a writer hangs although the server is gone"

    def _write(self, name: str) -> None:
        client = self._service.sync_client(socket_timeout=5)
        while True:
            numbers = [next(self._numbers) for _ in range(random.choice([1, ROWS_OF_A_BATCH]))]
            try:
                done = self._write_rows(client, [(name, number) for number in numbers])
            except (ots.OTSClientError, ots.OTSServiceError, OSError, Exception):  # noqa: BLE001
                return  # not answered: it may be there or not
            self.answered.update(done)

    def _write_rows(self, client: Any, keys: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        mark = random.randrange(2**40)
        rows = [ots.Row([("s", s), ("n", n)], columns_of(mark)) for s, n in keys]
        if len(rows) == 1:
            client.put_row("load", rows[0], IGNORE)
        else:
            items = [ots.PutRowItem(row, IGNORE) for row in rows]
            assert client.batch_write_row(batch("load", *items)).is_all_succeed()
        return dict.fromkeys(keys, mark)


def columns_of(mark: int) -> list[tuple[str, Any]]:
    return [("mark", mark), *((f"part{n}", f"{mark}-{n}" * 20) for n in range(PARTS))]


def stored(client: Any, table: str, names: list[str]) -> dict[tuple[str, int], dict[str, Any]]:
    """Columns of every row, by its place in the data table."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    start: Any = [(name, ots.INF_MIN) for name in names]
    while start:
        rows, start = get_range(client, table, start, [(name, ots.INF_MAX) for name in names])
        for row in rows:
            key = dict(row.primary_key)
            values = {name: value for name, value, _ in row.attribute_columns}
            found[key["s"], key["n"]] = values | {"mark": key.get("mark", values.get("mark"))}
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    data = str(tmp_path / "tablestore.db")
    with Server.start("tablestore", "--data", data, "--index-lag", "0") as server:
        yield server


@pytest.mark.timeout(120 + 20 * KILLS)
def test_answered_writes_survive_and_no_row_is_half_there(server: Server) -> None:
    service = Service(server.url)
    client = service.sync_client()
    index = SecondaryIndexMeta("by_mark", ["s", "mark"], ["part0"], SecondaryIndexType.LOCAL_INDEX)
    create(client, meta("load", KEY, ("mark", "INTEGER"), ("part0", "STRING")), None, [index])
    writers = Writers(service)

    for _ in range(KILLS):
        before = len(writers.answered)
        writers.start()
        wait_until(partial(writers.have_answers, before + ROWS_BEFORE_A_KILL), "rows are written")
        server.kill()
        writers.join()
        server.restart()

        rows = stored(service.sync_client(), "load", ["s", "n"])
        indexed = stored(service.sync_client(), "by_mark", ["s", "mark", "n"])
        lost = {
            key for key, mark in writers.answered.items() if rows.get(key, {}).get("mark") != mark
        }
        halves = {key for key, row in rows.items() if row != dict(columns_of(row["mark"]))}
        assert lost == set()
        assert halves == set()
        assert {key: row["mark"] for key, row in indexed.items()} == {
            key: row["mark"] for key, row in rows.items()
        }


def test_tables_and_indexes_stand_after_a_kill(server: Server) -> None:
    client = Service(server.url).sync_client()
    create(client, meta("kept", KEY), ots.TableOptions(-1, 1, 99_999))
    fields = [ots.FieldSchema("word", ots.FieldType.KEYWORD)]
    client.create_search_index("kept", "kept_index", ots.SearchIndexMeta(fields))
    row = ots.Row([("s", "a"), ("n", 1)], [("word", "hello")])
    client.put_row("kept", row, IGNORE)

    server.kill()
    server.restart()

    client = Service(server.url).sync_client()
    assert client.describe_table("kept").table_options.max_time_deviation == 99_999
    query = ots.SearchQuery(ots.TermQuery("word", "hello"), get_total_count=True)
    wait_until(
        lambda: client.search("kept", "kept_index", query).total_count == 1, "search finds the row"
    )


def test_global_index_is_complete_after_a_kill(server: Server) -> None:
    client = Service(server.url).sync_client()
    index = SecondaryIndexMeta("by_word", ["word"], [], SecondaryIndexType.GLOBAL_INDEX)
    create(client, meta("base", KEY, ("word", "STRING")), None, [index])
    for n in range(50):
        client.put_row("base", ots.Row([("s", "a"), ("n", n)], [("word", f"w{n % 5}")]), IGNORE)

    server.kill()
    server.restart()

    client = Service(server.url).sync_client()
    assert len(stored(client, "by_word", ["word", "s", "n"])) == 50

"""What keeps the local Tablestore from starting is said in one line."""

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from devtools.servers import Server


def start(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tablestore_memory.localcloud", "tablestore", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_file_of_another_server(tmp_path: Path) -> None:
    data = str(tmp_path / "rows.db")
    with Server.start("tablestore", "--data", data):
        ended = start("--port", "0", "--data", data)

    assert ended.returncode == 1
    assert f"cannot serve {data}" in ended.stderr
    assert "database is locked" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_file_that_is_no_database(tmp_path: Path) -> None:
    data = tmp_path / "rows.db"
    data.write_text("this is not a database, by any means, and it is long enough to tell" * 20)

    ended = start("--port", "0", "--data", str(data))

    assert ended.returncode == 1
    assert "file is not a database" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = start("--port", str(taken.getsockname()[1]), "--data", ":memory:")

    assert ended.returncode == 1
    assert "address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_lag_that_is_none() -> None:
    ended = start("--index-lag", "3-1")

    assert ended.returncode == 2
    assert "--index-lag" in ended.stderr


def test_sigterm_ends_it_cleanly_and_the_rows_stay(tmp_path: Path) -> None:
    from tests.conformance.tablestore import Service, create, get_columns, meta, put

    with Server.start("tablestore", "--data", str(tmp_path / "rows.db")) as server:
        client = Service(server.url).sync_client()
        create(client, meta("t"))
        put(client, "t", [("pk", "a")], [("x", 1)])

        assert server.stop() == 0
        server.restart()

        assert get_columns(Service(server.url).sync_client(), "t", [("pk", "a")]) == {"x": 1}


def test_file_of_an_earlier_release_is_read_and_written(tmp_path: Path) -> None:
    from tests.conformance.tablestore import Service, create, get_columns, meta, put

    data = tmp_path / "rows.db"
    with Server.start("tablestore", "--data", str(data)) as server:
        client = Service(server.url).sync_client()
        create(client, meta("t"))
        put(client, "t", [("pk", "a")], [("x", 1)])
        put(client, "t", [("pk", "b")], [("x", 1)])
        server.stop()
        order_by_key(data)

        server.restart()
        client = Service(server.url).sync_client()
        put(client, "t", [("pk", "a")], [("x", 2)])
        put(client, "t", [("pk", "c")], [("x", 2)])

        found = [get_columns(client, "t", [("pk", name)]) for name in "abc"]
        assert found == [{"x": 2}, {"x": 1}, {"x": 2}]


def order_by_key(data: Path) -> None:
    """The one table's rows as earlier releases laid them out: in the order of their keys."""
    with closing(sqlite3.connect(data)) as database:
        database.executescript(
            """
            CREATE TABLE earlier (key BLOB PRIMARY KEY, written_ms INTEGER NOT NULL, bare BLOB NOT NULL)
                WITHOUT ROWID;
            INSERT INTO earlier SELECT key, written_ms, bare FROM rows_1;
            DROP TABLE rows_1;
            ALTER TABLE earlier RENAME TO rows_1;
            """
        )

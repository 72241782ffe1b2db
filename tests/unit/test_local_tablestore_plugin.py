"""The fixtures that the package gives to any project's tests, as that project would use them."""

import subprocess
import sys
from pathlib import Path

TESTS = """
import tablestore as ots

MADE = ots.TableMeta("made", [("pk", "STRING")], [("x", "INTEGER")])
BY_X = ots.SecondaryIndexMeta("by_x", ["x"], [])
SEARCH = ots.SearchIndexMeta([ots.FieldSchema("x", ots.FieldType.LONG)])


def test_rows_are_written_and_found(tablestore_client):
    units = ots.ReservedThroughput(ots.CapacityUnit(0, 0))
    tablestore_client.create_table(MADE, ots.TableOptions(), units, [BY_X])
    tablestore_client.create_search_index("made", "s", SEARCH)
    tablestore_client.put_row("made", ots.Row([("pk", "a")], [("x", 7)]))

    found = tablestore_client.search("made", "s", ots.SearchQuery(ots.TermQuery("x", 7)))

    assert len(found.rows) == 1


def test_next_test_begins_with_nothing(tablestore_client, tablestore_server):
    assert not tablestore_client.list_table()
    assert tablestore_server.endpoint.startswith("http://127.0.0.1:")
"""


def test_example_of_the_documentation_runs(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(TESTS)

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


def test_lag_is_an_option(tmp_path: Path) -> None:
    """With an index that lags by an hour the row is not found."""
    (tmp_path / "test_example.py").write_text(TESTS)

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tablestore-index-lag", "3600"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert "1 failed, 1 passed" in ran.stdout, ran.stdout + ran.stderr

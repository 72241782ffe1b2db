"""What the local server does not do, it refuses; the documentation says the same as the routes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tablestore as ots
from tablestore.protocol import OTSProtocol

from tablestore_memory.localcloud.tablestore.routes import ROUTES
from tests.conformance.tablestore import IGNORE, refused

DOCUMENT = Path(__file__).parents[2] / "docs" / "local-tablestore.md"
CALLS: dict[str, Callable[[Any, str], Any]] = {
    "SQLQuery": lambda client, _: client.exe_sql_query("select 1"),
    "StartLocalTransaction": lambda client, table: client.start_local_transaction(
        table, [("pk", "a")]
    ),
    "CommitTransaction": lambda client, _: client.commit_transaction("t"),
    "AbortTransaction": lambda client, _: client.abort_transaction("t"),
    "ListTimeseriesTable": lambda client, _: client.list_timeseries_table(),
    "DeleteTimeseriesTable": lambda client, table: client.delete_timeseries_table(table),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.usefixtures("local_only")
def test_operation_out_of_scope_is_refused(client: Any, table: str, operation: str) -> None:
    with refused("OTSUnsupportOperation", 403, operation):
        CALLS[operation](client, table)


@pytest.mark.usefixtures("local_only")
def test_write_in_a_transaction_is_refused(client: Any, table: str) -> None:
    with refused("OTSUnsupportOperation", 403, "transactions"):
        client.put_row(table, ots.Row([("pk", "a")], []), IGNORE, None, "transaction")


def documented() -> dict[str, bool]:
    """Operations of the coverage table, and whether it says they are there."""
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", DOCUMENT.read_text(), re.MULTILINE)
    return {operation: answer == "yes" for operation, answer in rows}


def test_coverage_table_is_equal_to_the_routes() -> None:
    assert {operation for operation, there in documented().items() if there} == set(ROUTES)


def test_coverage_table_names_every_operation_of_the_sdk() -> None:
    assert set(documented()) >= set(OTSProtocol.api_list)

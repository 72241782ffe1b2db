"""A local Tablestore for the tests of any project: two fixtures, loaded with the package.

    def test_nothing_is_there(tablestore_client):
        assert not tablestore_client.list_table()

`tablestore_server` serves from memory for the whole run, `tablestore_client` is the official client
of it, and what a test has made is gone after it. The search index shows a write at once, unless
`--tablestore-index-lag 1-3` lets it lag as the service's does.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tablestore_memory.localcloud.lifetime import terminated_with_parent

LOCAL: Final = "local"  # what the server takes for its instance, key id and key secret
END_TIMEOUT_S: Final = 10


@dataclass(frozen=True)
class TablestoreServer:
    """Where the local Tablestore is, and what opens it."""

    endpoint: str
    access_key_id: str = LOCAL
    access_key_secret: str = LOCAL
    instance_name: str = LOCAL


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tablestore-index-lag",
        default="0",
        metavar="A-B",
        help="seconds until the local Tablestore's search index shows a write, 0 by default",
    )


@pytest.fixture(scope="session")
def tablestore_server(request: pytest.FixtureRequest) -> Iterator[TablestoreServer]:
    """A local Tablestore in memory, for the whole run."""
    lag = request.config.getoption("--tablestore-index-lag")
    command = [sys.executable, "-m", "tablestore_memory.localcloud", "tablestore", "--port", "0"]
    with subprocess.Popen(  # noqa: S603 our own command
        [*command, "--data", ":memory:", "--index-lag", lag],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=terminated_with_parent,
    ) as process:
        try:
            yield TablestoreServer(_endpoint(process))
        finally:
            process.terminate()
            process.wait(END_TIMEOUT_S)


def _endpoint(process: "subprocess.Popen[str]") -> str:
    ready = process.stdout.readline() if process.stdout else ""
    if not ready.startswith("ready "):
        raise RuntimeError("the local Tablestore did not start; its stderr says why")
    return ready.split()[1]


@pytest.fixture
def tablestore_client(tablestore_server: TablestoreServer) -> Iterator[Any]:
    """The official client of it. What a test makes is gone after the test."""
    import tablestore  # half a second that only those pay who ask for it

    client = tablestore.OTSClient(
        tablestore_server.endpoint,
        tablestore_server.access_key_id,
        tablestore_server.access_key_secret,
        tablestore_server.instance_name,
    )
    yield client
    _delete_everything(client)


def _delete_everything(client: Any) -> None:
    for table, index in client.list_search_index():
        client.delete_search_index(table, index)
    names = client.list_table()
    described = [client.describe_table(name) for name in names]
    # Secondary indexes are listed as well, and go with their tables.
    indexes = {index.index_name for one in described for index in one.secondary_indexes}
    for name in set(names) - indexes:
        client.delete_table(name)

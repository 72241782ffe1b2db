"""The service under test, its clients, and tables that are gone after the test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.tablestore import Blocking, Service, create, meta, real_service


@pytest.fixture(scope="session")
def service(request: pytest.FixtureRequest) -> Service:
    """The real instance if the environment names one, else a local server."""
    return real_service() or Service(request.getfixturevalue("tablestore_url"))


@pytest.fixture(scope="session")
def sync_client(service: Service) -> Any:
    return service.sync_client()


@pytest.fixture(scope="session")
def waited_async_client(service: Service) -> Iterator[Any]:
    client = Blocking(service.async_client)
    yield client
    client.shutdown()


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Any:
    """One official client, then the other."""
    name = "sync_client" if request.param == "sync" else "waited_async_client"
    return request.getfixturevalue(name)


@pytest.fixture
def local_only(service: Service) -> None:
    """For what a real instance cannot be asked for, such as a second access key."""
    if not service.is_local:
        pytest.skip("needs the local server")


@pytest.fixture
def make_table(client: Any, fresh_name: str) -> Iterator[Callable[..., str]]:
    """Creates tables; they and their search indexes are deleted after the test."""
    made: list[str] = []

    def make(
        key: list[tuple[str, str]] | None = None,
        defined: list[tuple[str, str]] | None = None,
        options: Any = None,
        indexes: Any = (),
    ) -> str:
        name = f"{fresh_name}_{len(made)}"
        create(client, meta(name, key, *(defined or [])), options, indexes)
        made.append(name)
        return name

    yield make
    for name in made:
        _delete(client, name)


def _delete(client: Any, table: str) -> None:
    try:
        for _, index in client.list_search_index(table):
            client.delete_search_index(table, index)
        client.delete_table(table)
    except ots.OTSServiceError as error:
        if error.code != "OTSObjectNotExist":
            raise


@pytest.fixture
def table(make_table: Callable[..., str]) -> str:
    """A table with one STRING key column `pk`."""
    return make_table()

"""What is written again, as its first writing was not acknowledged: no row changes, and little is asked."""

from typing import Any

from devtools.deployment import Deployment
from tablestore_memory.worker.services import Services
from tests.failures.ingesting import append, message, texts


class Watched:
    """A client of Tablestore, with the tables of each batch that it wrote."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.batches: list[set[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_write_row(self, request: Any) -> Any:
        self.batches.append(set(request.items))
        return self._client.batch_write_row(request)


def test_session_that_was_written_is_not_asked_for_a_second_time(
    undrained: Deployment, fresh_name: str
) -> None:
    watched = Watched(undrained.services.tablestore)
    services = Services(undrained.settings, tablestore=watched)
    for _ in range(2):
        append(undrained, 0, message(fresh_name, 1))
        watched.batches.clear()
        services.ingest.drain(0)

    assert [services.names.session in tables for tables in watched.batches] == [True, False]
    assert texts(undrained, fresh_name) == ["text 1"]

"""A Tablestore to test against: the local one, or a real instance named by the environment.

    CONFORMANCE_ENDPOINT=https://… CONFORMANCE_INSTANCE_NAME=… \\
    CONFORMANCE_ACCESS_KEY_ID=… CONFORMANCE_ACCESS_KEY_SECRET=… pytest tests/conformance

Every test runs through both official clients; the asynchronous one is driven from its own thread.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import tablestore as ots
from tablestore.retry import NoRetryPolicy

Key = list[tuple[str, Any]]
IGNORE = ots.Condition(ots.RowExistenceExpectation.IGNORE)


@dataclass(frozen=True)
class Service:
    """An instance and the key to it."""

    endpoint: str
    instance: str = "local"
    access_key_id: str = "local"
    access_key_secret: str = "local"

    @property
    def is_local(self) -> bool:
        return self.endpoint.startswith("http://127.0.0.1")

    def arguments(self) -> tuple[str, str, str, str]:
        return self.endpoint, self.access_key_id, self.access_key_secret, self.instance

    def sync_client(self, **options: Any) -> ots.OTSClient:
        return ots.OTSClient(*self.arguments(), **{"retry_policy": NoRetryPolicy()} | options)

    def async_client(self, **options: Any) -> ots.AsyncOTSClient:
        return ots.AsyncOTSClient(*self.arguments(), **{"retry_policy": NoRetryPolicy()} | options)


def real_service() -> Service | None:
    """The instance that the environment names, if it names one."""
    names = ("ENDPOINT", "INSTANCE_NAME", "ACCESS_KEY_ID", "ACCESS_KEY_SECRET")
    values = [os.environ.get(f"CONFORMANCE_{name}", "") for name in names]
    return Service(*values) if values[0] else None


class Blocking:
    """The asynchronous client, each call waited for."""

    def __init__(self, make_client: Callable[[], Any]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client = self._wait(_in_loop(make_client))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *args, **kwargs: self._wait(method(*args, **kwargs))

    def shutdown(self) -> None:
        self._wait(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, coroutine: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(timeout=60)


async def _in_loop(make_client: Callable[[], Any]) -> Any:
    return make_client()


@contextmanager
def refused(code: str, status: int, message: str = "") -> Iterator[None]:
    """The block must end in this error of the service."""
    with pytest.raises(ots.OTSServiceError) as caught:
        yield
    error = caught.value
    assert (error.code, error.http_status) == (code, status), error
    assert message in error.message


def meta(name: str, key: list[tuple[str, str]] | None = None, *defined: tuple[str, str]) -> Any:
    return ots.TableMeta(name, key or [("pk", "STRING")], list(defined))


def create(client: Any, table: Any, options: Any = None, indexes: Any = ()) -> None:
    throughput = ots.ReservedThroughput(ots.CapacityUnit(0, 0))
    client.create_table(table, options or ots.TableOptions(), throughput, list(indexes))


def put(client: Any, table: str, key: Key, columns: list[Any] | None = None) -> None:
    client.put_row(table, ots.Row(key, columns or []), IGNORE)


def update(client: Any, table: str, key: Key, changes: dict[str, Any], when: Any = IGNORE) -> None:
    client.update_row(table, ots.Row(key, changes), when)


def get(client: Any, table: str, key: Key, **options: Any) -> Any:
    _, row, _ = client.get_row(table, key, **{"max_version": 1} | options)
    return row


def columns(row: Any) -> dict[str, Any]:
    """Names and newest values of a row's attribute columns."""
    found: dict[str, Any] = {}
    for name, value, _ in row.attribute_columns:
        found.setdefault(name, value)
    return found


def get_columns(client: Any, table: str, key: Key, **options: Any) -> dict[str, Any] | None:
    row = get(client, table, key, **options)
    return None if row is None else columns(row)


def get_range(client: Any, table: str, start: Key, end: Key, **options: Any) -> tuple[Any, Any]:
    """The rows of one page, and where the next begins."""
    direction = options.pop("direction", ots.Direction.FORWARD)
    _, following, rows, _ = client.get_range(
        table, direction, start, end, **{"max_version": 1} | options
    )
    return rows, following


def every_key(client: Any, table: str, names: list[str]) -> list[list[Any]]:
    """The key values of all rows, in order."""
    start: Key | None = [(name, ots.INF_MIN) for name in names]
    keys: list[list[Any]] = []
    while start:
        end = [(name, ots.INF_MAX) for name in names]
        rows, start = get_range(client, table, start, end)
        keys += [[value for _, value in row.primary_key] for row in rows]
    return keys


def batch(table: str, *items: Any) -> Any:
    request = ots.BatchWriteRowRequest()
    request.add(ots.TableInBatchWriteRowItem(table, list(items)))
    return request

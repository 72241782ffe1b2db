"""`tablestore-for-agent-memory`'s stores, sync and async, driven by the same tests.

What a method returns is waited for and, if it comes piece by piece, collected.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.conformance.tablestore import Blocking, Service

Make = Callable[[Any], Any]  # the store of a client


class Collected:
    """A blocking store."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            found = getattr(self.store, name)(*args, **kwargs)
            return list(found) if isinstance(found, Iterator) else found

        return call


class WaitedFor(Blocking):
    """An asynchronous store, in a thread of its own."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            found = getattr(self._client, name)(*args, **kwargs)
            if asyncio.iscoroutine(found):
                found = await found
            return [one async for one in found] if isinstance(found, AsyncIterator) else found

        return lambda *args, **kwargs: self._wait(call(*args, **kwargs))


@contextmanager
def opened(kind: str, service: Service, make_sync: Make, make_async: Make) -> Iterator[Any]:
    """The store of this kind, "sync" or "async"; its tables are dropped at the end."""
    if kind == "sync":
        store = Collected(make_sync(service.sync_client()))
        try:
            yield store
        finally:
            store._delete_table()
        return
    waited = WaitedFor(lambda: make_async(service.async_client()))
    try:
        yield waited
    finally:
        waited._delete_table()
        waited.shutdown()

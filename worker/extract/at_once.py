"""Several calls that wait for the same service, at the same time."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> Iterator[T]:
    """What they give, as it comes; after all of them the first error, if any. One alone needs no thread.

    Who stops listening, by an exception of its own, waits for none of them.
    """
    if len(calls) == 1:
        yield calls[0]()
        return
    outcomes: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()
    for call in calls:
        run, name = copy_context().run, threading.current_thread().name
        threading.Thread(target=run, args=(_tell, call, outcomes), name=name, daemon=True).start()
    errors: list[BaseException] = []
    for _ in calls:
        match outcomes.get():
            case value, None:
                yield value
            case _, BaseException() as error:
                errors.append(error)
    if errors:
        raise errors[0]


def _tell(
    call: Callable[[], T], outcomes: "SimpleQueue[tuple[T, None] | tuple[None, BaseException]]"
) -> None:
    try:
        outcomes.put((call(), None))
    except BaseException as error:  # noqa: BLE001 - raised by who asked
        outcomes.put((None, error))

"""Parts of one recall, asked at the same time in threads, until a deadline; and how a caller waits for them.

A part that fails or is late gives nothing and is noted as missing. What did not begin by the deadline is taken
back, so that a burst of questions leaves no work behind that nobody waits for.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.recall.results import LATE, Missing
from tablestore_memory.worker.failures.errors import WorkerError

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Deadline:
    """A moment by which an answer is wanted."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left_s(self, share: float = 1.0) -> float:
        """Seconds until this share of the time has passed; 0 if it has."""
        return max(0.0, self._end - (1 - share) * self._seconds - time.monotonic())


@dataclass(frozen=True, slots=True)
class Wait:
    """What to wait for, and for how long at most."""

    futures: Sequence["Future[object]"]
    seconds: float


Steps = Generator[Wait, None, T]
"""Work with pauses, in which its caller waits in its own way."""


def waited_for(steps: Steps[T]) -> T:
    """Do the steps; this thread waits."""
    try:
        while True:
            pause = next(steps)
            wait(pause.futures, pause.seconds)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a generator's value, as the type of `steps` says


async def awaited(steps: Steps[T]) -> T:
    """Do the steps; the event loop goes on meanwhile."""
    try:
        while True:
            pause = next(steps)
            if pause.futures:
                wrapped = [asyncio.wrap_future(future) for future in pause.futures]
                await asyncio.wait(wrapped, timeout=pause.seconds)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        steps.close()


@dataclass
class Part(Generic[T]):
    """One of them; `future` never fails: a failure is its value."""

    name: str
    future: "Future[T | Missing]"
    parts: "Parts"

    def value(self, without: T) -> T:
        """What it gave by now; if nothing, it is noted as missing and `without` takes its place."""
        late = self.future.cancel() or not self.future.done()
        answer = Missing(self.name, LATE) if late else self.future.result()
        if isinstance(answer, Missing):
            self.parts.missing.append(answer)
            return without
        return answer


@dataclass
class Parts:
    """Asks, waits, and keeps the account."""

    executor: Executor
    deadline: Deadline
    missing: list[Missing] = field(default_factory=list)
    took_ms: dict[str, float] = field(default_factory=dict)
    _open: list["Future[object]"] = field(default_factory=list)

    def ask(self, name: str, call: Callable[[], T]) -> Part[T]:
        """Begin a part."""
        future = self.executor.submit(copy_context().run, self._answer, name, call)
        self._open.append(future)  # type: ignore[arg-type]  # a future is no container to write to
        return Part(name, future, self)

    def wait(self, share: float = 1.0) -> Wait:
        """For all that were begun, until this share of the time has passed."""
        futures, self._open = self._open, []
        return Wait(futures, self.deadline.left_s(share))

    def is_missing(self, name: str, reason: str) -> None:
        """Note a part that cannot be asked."""
        self.missing.append(Missing(name, reason))

    def _answer(self, name: str, call: Callable[[], T]) -> T | Missing:
        if not self.deadline.left_s():
            return Missing(name, LATE)
        began = time.monotonic()
        try:
            return call()
        except WorkerError as error:
            return self._failed(name, type(error).__name__)
        except REDIS_ERRORS:
            return self._failed(name, "Unavailable")
        except Exception as error:  # noqa: BLE001 - an agent is not to fail for what it can do without
            _log.warning("recall.part_failed part=%s error=%s", name, type(error).__name__)
            return self._failed(name, type(error).__name__)
        finally:
            self.took_ms[name] = round((time.monotonic() - began) * 1000, 2)

    def _failed(self, name: str, reason: str) -> Missing:
        """Calls get no longer than the deadline: what fails after it was late, whatever the call says."""
        return Missing(name, reason if self.deadline.left_s() else LATE)

"""What `-P prefork` means here: Celery's pool of processes, which soon misses a child that ended.

That a child ends shows on a pipe a moment before it can be reaped. Celery looks when it shows and, where that was
too early, five seconds later; until then nobody takes the child's place, and a task that was handed to it waits.
Children end whenever they are killed, or replaced after so many tasks. Source: Celery, issue 9588.
"""

from collections.abc import Callable

from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool

_LOOK_S = 0.25  # a look asks the kernel once for each child


class Processes(AsynPool):  # type: ignore[misc]  # Celery ships no types
    @property
    def timers(self) -> dict[Callable[[], None], float]:
        """What the worker calls again and again, with the seconds in between."""
        return {self.maintain_pool: _LOOK_S}


class ProcessPool(TaskPool):  # type: ignore[misc]
    Pool = Processes

"""What every operation is given beside what it was asked: who asks, and what there is to work with."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anyio import CapacityLimiter, to_thread

from tablestore_memory.server.access import Access
from tablestore_memory.server.connections import Connections
from tablestore_memory.worker.services import Services


@dataclass(frozen=True)
class Call:
    """`came_by` is how who asks was let in, for the audit."""

    connections: Connections
    access: Access
    came_by: str = "token"

    def noted(self, command: str, user_id: str) -> Services:
        """What to read with, once the audit has it. Raises what Redis does: what cannot be noted is not done."""
        return self.connections.noted(command, user_id, by=f"{self.came_by}:{self.access.name}")


async def done(threads: CapacityLimiter, function: Callable[..., Any], *arguments: object) -> Any:
    """What it answers. One that is not `async` waits for the stores in a thread; who asked may go before that."""
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    return await to_thread.run_sync(function, *arguments, abandon_on_cancel=True, limiter=threads)

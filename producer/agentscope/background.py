"""What the services of AgentScope Runtime 1.0.5 share that write in the background."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tablestore_memory.producer.errors import NotStoredYet
from tablestore_memory.producer.pending import shared_publisher
from tablestore_memory.producer.publisher import Publisher

_LOOK_EVERY_S = 0.05


class InBackground:
    """Stands before AgentScope's class. Takes its arguments, a publisher (default: one for the process, set up
    by the environment), and for how long deleting waits for what is on its way."""

    def __init__(
        self,
        *arguments: Any,
        publisher: Publisher | None = None,
        arrives_s: float = 10.0,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._publisher = publisher or shared_publisher()
        self._arrives_s = arrives_s

    async def stop(self) -> None:
        """Deliver what was published, then close the client. The journal keeps what is left."""
        await self._publisher.aflush(self._publisher.settings.exit_timeout_s)
        await super().stop()  # type: ignore[misc]  # AgentScope's

    async def _arrival(self, left: Callable[[], Awaitable[int]], in_vain: str) -> None:
        """Wait until nothing is left on its way. Raises NotStoredYet when it takes too long."""
        deadline = time.monotonic() + self._arrives_s
        while count := await left():
            if time.monotonic() > deadline:
                raise NotStoredYet(in_vain, count)
            await asyncio.sleep(_LOOK_EVERY_S)

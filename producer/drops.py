"""What is not delivered: counted by reason, logged without its text, told to the caller's hook,
and set aside in a file where the event itself is at fault.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.dead_letters import DeadLetters, Letter
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import Event, decode

QUEUE_FULL = "queue_full"
REJECTED = "rejected"
CLOSED = "closed"
MALFORMED = "malformed"

OnDrop = Callable[[Event | Mapping[str, Any], str], None]

_MAX_UNTOLD = 1_000
"""Events kept for the hook while nobody calls it; their number is never lost."""


class Drops:
    """Callers count; the sender, or `close`, tells."""

    def __init__(
        self, dead_letters: DeadLetters, *, on_drop: OnDrop | None, log: RateLimitedLog
    ) -> None:
        self.counts: dict[str, int] = {}
        self._dead_letters = dead_letters
        self._on_drop = on_drop
        self._log = log
        self._untold: deque[tuple[bytes | Mapping[str, Any], str]] = deque(maxlen=_MAX_UNTOLD)
        self._logged = 0

    @property
    def total(self) -> int:
        """Accepted and then dropped. A malformed event was never accepted."""
        return sum(n for reason, n in self.counts.copy().items() if reason != MALFORMED)

    def drop(self, record: Record, reason: str) -> None:
        """An accepted event is given up."""
        self._count(reason, record.data)

    def reject(self, record: Record, cause: str) -> None:
        """Redis refuses this very event, and always will."""
        event = record.data.decode(errors="replace")
        self._dead_letters.add(Letter(time.time(), cause, event, record.accepted_us))
        self._count(REJECTED, record.data)

    def malformed(self, draft: Mapping[str, Any], error: MalformedEvent) -> None:
        """A publisher that is not strict got what is no event."""
        self._dead_letters.add(Letter(time.time(), str(error), _shown(draft)))
        self._count(MALFORMED, draft)

    def _count(self, reason: str, event: bytes | Mapping[str, Any]) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1
        self._untold.append((event, reason))

    def tell(self) -> None:
        """Log and call the hook for what was dropped since. Never on the publish path."""
        while self._untold:
            event, reason = self._untold.popleft()
            if self._on_drop is not None:
                self._call(event, reason)
        if (total := sum(self.counts.copy().values())) > self._logged:
            self._logged = total
            self._log.warning("events.dropped", **self.counts)

    def _call(self, event: bytes | Mapping[str, Any], reason: str) -> None:
        assert self._on_drop is not None  # noqa: S101 - for the type checker
        try:
            self._on_drop(decode(event) if isinstance(event, bytes) else event, reason)
        except Exception as error:  # noqa: BLE001 - the hook is not ours, the thread is
            self._log.warning("on_drop.failed", error=type(error).__name__)


def _shown(draft: Mapping[str, Any]) -> str:
    """What was to be an event, for a person to look at."""
    try:
        return ascii(dict(draft))
    except Exception as error:  # noqa: BLE001 - its objects are the caller's
        return f"cannot be shown: {type(error).__name__}"

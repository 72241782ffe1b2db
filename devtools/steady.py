"""Publishers at a steady rate, and the bill: what was published, and what became of it."""

import threading
import time
from dataclasses import dataclass, field

from devtools.deployment import Deployment


def spoken(session: str, number: int) -> str:
    return f"{session} says {number}"


@dataclass
class Steady:
    """A thread that publishes `rate` messages a second over `sessions` until stopped."""

    deployment: Deployment
    rate: int
    sessions: list[str]
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.counts = dict.fromkeys(self.sessions, 0) | self.counts
        self.delivered = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Publish no more, and wait until Redis has all of it."""
        self._stopped.set()
        self._thread.join()

    @property
    def published(self) -> int:
        return sum(self.counts.values())

    def _run(self) -> None:
        began, sent = time.monotonic(), 0
        with self.deployment.publisher() as publisher:
            while not self._stopped.wait(0.01):
                due = int((time.monotonic() - began) * self.rate)
                for number in range(sent, due):
                    session = self.sessions[number % len(self.sessions)]
                    publisher.message(
                        user_id=session,
                        session_id=session,
                        role="user",
                        content=spoken(session, self.counts[session]),
                    )
                    self.counts[session] += 1
                sent = max(sent, due)
            self.delivered = publisher.flush(120)

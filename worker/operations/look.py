"""One look at a deployment, in the words that `status`, `status --watch` and the page have in common."""

from collections.abc import Iterator
from dataclasses import dataclass

from tablestore_memory.worker.operations.backlog import dropped
from tablestore_memory.worker.operations.extraction_status import State, state
from tablestore_memory.worker.operations.status import Standing, lasting, standing
from tablestore_memory.worker.services import RedisServices

_EXTRACTION = {
    "decided_with_stale_index": "decisions made with the index too far behind",
    "given_up_sessions": "sessions given up",
    "qwen_calls_today": "calls to Qwen today (UTC)",
    "qwen_tokens_today": "tokens of Qwen today",
    "qwen_cached_tokens_today": "of them from its prompt cache",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """How many wait there, and how long the oldest has."""

    name: str
    title: str
    count: int
    oldest_s: float

    @property
    def oldest(self) -> str:
        """For a person; empty where nothing waits."""
        return lasting(self.oldest_s) if self.count else ""


@dataclass(frozen=True)
class Look:
    """`dropped` are the events that publishers had to drop, by reason."""

    now: Standing
    extraction: State
    dropped: dict[str, int]

    @property
    def stages(self) -> list[Stage]:
        """In the order of the work; what was set aside comes last."""
        n, age = self.now.backlog, self.now.ages
        return [
            Stage("events", "events to store", n.events, age.oldest_event_s),
            Stage("requests", "requests (remember, forget)", n.requests, age.oldest_request_s),
            Stage("sessions", "sessions to extract", n.sessions, age.oldest_session_s),
            Stage(
                *("memories", "memories not searchable yet"),
                *(n.unsearchable, age.oldest_unsearchable_s),
            ),
            Stage("dead", "dead letters", n.dead, age.oldest_dead_s),
        ]

    def others(self) -> Iterator[tuple[str, object]]:
        """What else there is to tell: a title and what it is."""
        for name, title in _EXTRACTION.items():
            yield title, getattr(self.extraction, name)
        yield "tokens a day, at most", self.now.daily_tokens or "no limit"
        for why, count in self.dropped.items():
            yield f"events that publishers dropped: {why}", count
        alive = (f"{worker.name} ({', '.join(worker.queues)})" for worker in self.now.workers)
        yield "workers alive, and what they consume", "\n".join(alive) or "none"


def look(services: RedisServices) -> Look:
    """Reads Redis only."""
    return Look(
        standing(services.redis, services.streams),
        state(services.redis, services.streams, services.unindexed),
        dropped(services.redis, services.streams),
    )

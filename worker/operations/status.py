"""How a deployment stands: what is on its way and how long, who works on it, and what keeps it from going on.

For `status`, `wait` and `doctor`. Reads Redis only, so it tells also while everything else is away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.costs.user_budget import users_over_budget
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.dispatch.gate import DispatchGate
from tablestore_memory.worker.dispatch.heartbeat import Worker, alive
from tablestore_memory.worker.dispatch.stage_errors import Failing, StageErrors
from tablestore_memory.worker.operations.ages import Ages, ages
from tablestore_memory.worker.operations.backlog import Backlog, backlog
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys

COMMAND = "celery -A tablestore_memory.worker.main worker"
STAGE_OF = {
    gate.DRAIN: "storing events",
    gate.EXTRACT: "extracting sessions",
    gate.REQUESTS: "remember and forget",
    gate.CONFIRM: "confirming memories",
    gate.RECONCILE: "looking for sessions left behind",
    gate.BOOK: "booking costs",
    gate.DECIDE: "deciding what waited for long",
}
# A failure that is made good at the next try is no obstacle.
_FAILING_S = 5
_LATELY_S = 120  # the longest wait between two tries
# Events are stored in a moment, requests and the index take seconds; sessions wait for their end.
_OLD_S = 60


@dataclass(frozen=True, slots=True)
class Obstacle:
    """`what` is the same for as long as it lasts; `text` is one line for a person. What does not stop the
    work slows it."""

    what: str
    text: str
    stops: bool = True


@dataclass(frozen=True)
class Standing:
    """`paused` are the pauses in force (queue, task, reason); `at_ms` is Redis' time."""

    backlog: Backlog
    ages: Ages
    workers: list[Worker]
    paused: list[dict[str, str]]
    failing: list[Failing]
    at_ms: int
    users_over_budget: int = 0

    @property
    def unconsumed(self) -> list[str]:
        """The queues that no worker consumes."""
        consumed = {queue for worker in self.workers for queue in worker.queues}
        return [queue for queue in gate.NAMES if queue not in consumed]

    @property
    def daily_tokens(self) -> int | None:
        """The budget that ends first: its end pauses extraction for all workers."""
        budgets = [w.daily_tokens for w in self.workers if w.daily_tokens and "extract" in w.queues]
        return min(budgets, default=None)

    def since_ms(self, task: str) -> int | None:
        """Since when nothing of a task has succeeded; None if it does not fail."""
        return next((each.since_ms for each in self.failing if each.task == task), None)

    def obstacles(self) -> list[Obstacle]:
        """The gravest first."""
        return [
            *self._missing_workers(),
            *self._pauses(),
            *self._failures(),
            *self._spent(),
            *self._old(),
        ]

    def _missing_workers(self) -> Iterator[Obstacle]:
        if not self.workers:
            yield Obstacle("workers", f"no worker is running: start one with `{COMMAND}`")
            return
        now = self.backlog
        waiting = {"ingest": now.events, "extract": now.requests + now.sessions + now.unsearchable}
        for queue in self.unconsumed:
            text = f"no worker consumes queue {queue}, {waiting[queue]} waiting"
            yield Obstacle(f"queue {queue}", f"{text}: start one with `{COMMAND} -Q {queue}`")

    def _pauses(self) -> Iterator[Obstacle]:
        for pause in self.paused:
            since = self._since(self.since_ms(pause["task"]))
            text = f"queue {pause['queue']} is paused{since}: {pause['reason']}"
            yield Obstacle(f"pause {pause['task']}", text)

    def _failures(self) -> Iterator[Obstacle]:
        paused = {pause["task"] for pause in self.paused}
        for each in self.failing:
            if each.task not in paused and each.last_ms - each.since_ms >= _FAILING_S * 1000:
                text = f"{STAGE_OF[each.task]} fails{self._since(each.since_ms)}: {each.error}"
                text += f": {each.reason}" if each.reason else ""
                if self.at_ms - each.last_ms > _LATELY_S * 1000:
                    text += f"; last tried {lasting((self.at_ms - each.last_ms) / 1000)} ago"
                yield Obstacle(f"failing {each.task}", text, stops=each.task != gate.BOOK)

    def _spent(self) -> Iterator[Obstacle]:
        if count := self.users_over_budget:
            have = "user has spent its" if count == 1 else "users have spent their"
            text = (
                f"{count} {have} tokens of today (MEMORY_USER_DAILY_TOKENS): what was said since is"
            )
            yield Obstacle("budgets", f"{text} extracted from 00:00 UTC on", stops=False)

    def _old(self) -> Iterator[Obstacle]:
        now, old = self.backlog, self.ages
        # A talk that goes on is extracted after this time at the latest.
        session_s = max((worker.max_wait_s for worker in self.workers), default=0)
        for count, what, age_s, usual_s in (
            (now.events, "events to store", old.oldest_event_s, 0),
            (now.requests, "requests to carry out", old.oldest_request_s, 0),
            (now.sessions, "sessions to extract", old.oldest_session_s, session_s),
            (now.unsearchable, "memories not searchable", old.oldest_unsearchable_s, 0),
        ):
            if count and age_s > usual_s + _OLD_S:
                text = f"the oldest of {count} {what} has waited {lasting(age_s)}"
                yield Obstacle(what, text, stops=False)

    def _since(self, since_ms: int | None) -> str:
        if since_ms is None:
            return ""
        moment = datetime.fromtimestamp(since_ms / 1000, UTC)
        return f" since {moment:%H:%M:%S} UTC ({lasting((self.at_ms - since_ms) / 1000)})"


def standing(redis: Redis, streams: Streams) -> Standing:
    return Standing(
        backlog(redis, streams),
        ages(redis, streams),
        alive(redis, streams),
        DispatchGate(redis, streams).paused(),
        StageErrors(redis, streams).all(),
        now_ms(redis),
        users_over_budget(redis, Keys(streams)),
    )


def lasting(seconds: float) -> str:
    """A span of time for a person, in its largest unit that fits twice."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"

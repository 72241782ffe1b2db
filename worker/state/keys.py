"""Every key in Redis: its name, its type, how long it is kept, and what it holds.

docs/architecture.md has the same as a table, and a test holds the two equal. What a publisher writes, too, is
named in `protocol/streams.py` and only listed here. The keys of a partition share its hash tag, so that one
script may touch them all; those of a session or a user stand in the partition of their own id.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from tablestore_memory.protocol.streams import BACKLOG_KEPT_S, DROPPED_KEPT_S, Streams
from tablestore_memory.worker.state.lease import LEASE_TTL_MS

String = Annotated[str, "string"]
Hash = Annotated[str, "hash"]
SortedSet = Annotated[str, "sorted set"]
Stream = Annotated[str, "stream"]

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

APPLIED_MS = DAY
RECEIPT_MS = DAY
UNDECIDED_MS = 30 * DAY
"""How long a user's next facts are waited for; then what is undecided is decided without them."""
TOMBSTONE_MS = 30 * DAY
"""No publisher delivers later what it had in its journal, and no plan waits as long."""
QUEUED_MS = 5 * SECOND
"""A task that was enqueued and not begun by then is taken for lost."""
LONGEST_WAIT_MS = 5 * SECOND
"""Short: what fails at the head of a partition holds up what stands behind it."""
ATTEMPTS_MS = 5 * MINUTE
LONGEST_PAUSE_MS = 15 * SECOND
PAUSES_MS = MINUTE
LEADER_MS = 3 * SECOND
FAILING_MS = HOUR
TRACED_MS = HOUR
"""Of a memory that takes longer to be searchable nobody looks at the trace any more."""
SPENT_MS = 3 * DAY
COUNTS_MS = 2 * MINUTE
"""This minute and the last: what was counted before slides out of the window."""
REPORTED_MS = 10 * MINUTE
"""No worker waits as long for the answer to a report that it may send again."""
CALL_MS = 20 * SECOND
"""A call that nobody ended by then counts no more: its worker may have died, and must not keep others waiting."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Since it was last written; a key without it stays until what it tells of is done."""

    at_most_ms: int


@dataclass(frozen=True, slots=True)
class Keys:
    """The names; `streams` are those of the worker's own state where an id decides on the partition."""

    streams: Streams

    def events(self, partition: int) -> Stream:
        """What was published and is not stored yet."""
        return self.streams.events(partition)

    def in_flight(self, partition: int) -> Hash:
        """The entry at the front of `events`, how often it was taken, how many are to be taken one by one."""
        return self.streams.key(partition, "in-flight")

    def requests(self, partition: int) -> Stream:
        """Requests to carry out: `remember`, `forget` and the like."""
        return self.streams.key(partition, "requests")

    def requests_tries(self, partition: int) -> Hash:
        """Requests that were begun and not settled: tries, and why the last one failed."""
        return self.streams.key(partition, "requests-tries")

    def dead(self, partition: int) -> Stream:
        """Dead letters: event, reason, error, queue, entry, deliveries."""
        return self.streams.key(partition, "dead")

    def pending(self, partition: int) -> Hash:
        """What waits for extraction, by session."""
        return self.streams.key(partition, "pending")

    def active(self, partition: int) -> Hash:
        """What an extraction took and has not settled, by session."""
        return self.streams.key(partition, "active")

    def due(self, partition: int) -> SortedSet:
        """Those sessions by due time, ms."""
        return self.streams.key(partition, "due")

    def failed(self, partition: int) -> Hash:
        """Sessions whose extraction was begun and not settled: tries, and why the last one failed."""
        return self.streams.key(partition, "failed")

    def given_up(self, partition: int) -> Hash:
        """Why a session was given up, until it is extracted after all."""
        return self.streams.key(partition, "given-up")

    def plans(self, partition: int) -> Hash:
        """What Qwen found in a chunk of a session, with vectors, until applied."""
        return self.streams.key(partition, "plans")

    def journal(self, user_id: str) -> Hash:
        """By user: the changes being made."""
        return self._of(user_id, "journal")

    def applied(self, user_id: str) -> Annotated[SortedSet, Kept(APPLIED_MS)]:
        """Plans and requests that were applied, by when, ms."""
        return self._of(user_id, f"applied:{user_id}")

    def undecided(self, user_id: str) -> String:
        """The user's memories to be decided on with what comes next: ids."""
        return self._of(user_id, f"undecided:{user_id}")

    def to_decide(self, partition: int) -> SortedSet:
        """Users who have such memories, by when these are decided on if nothing comes, ms."""
        return self.streams.key(partition, "to-decide")

    def to_decide_tries(self, partition: int) -> Hash:
        """Of such users whose decision was begun and not settled: tries, and why the last one failed."""
        return self.streams.key(partition, "to-decide-tries")

    def confirm(self, partition: int) -> SortedSet:
        """Memories to look for in the index, by the time of the next look, ms."""
        return self.streams.key(partition, "confirm")

    def written(self, partition: int) -> SortedSet:
        """The same memories by the time they were written, ms."""
        return self.streams.key(partition, "written")

    def unindexed(self, user_id: str) -> SortedSet:
        """The user's memories not confirmed searchable, by the time written, ms."""
        return self._of(user_id, f"unindexed:{user_id}")

    def traced(self, partition: int) -> Annotated[Hash, Kept(TRACED_MS)]:
        """The traces in which those memories were written, if they were in any."""
        return self.streams.key(partition, "traced")

    def searchable(self, user_id: str) -> Stream:
        """Announcements: user, document, lag in ms; the last 10,000."""
        return self._of(user_id, "searchable")

    def deletion(self, partition: int, request_hash: str) -> Annotated[Hash, Kept(RECEIPT_MS)]:
        """The deletion receipt of a request to forget: counts by place."""
        return self.streams.key(partition, f"deletion:{request_hash}")

    def forgotten_upto(self) -> Annotated[Hash, Kept(TOMBSTONE_MS)]:
        """Tombstones: hash of a user or a session to the latest receipt forgotten."""
        return f"{self.streams.prefix}:{{forgotten}}:upto"

    def forgotten_until(self) -> Annotated[SortedSet, Kept(TOMBSTONE_MS)]:
        """When each tombstone may go, ms."""
        return f"{self.streams.prefix}:{{forgotten}}:until"

    def lease(self, partition: int) -> Annotated[String, Kept(LEASE_TTL_MS)]:
        """Who drains the partition; renewed, as all leases are."""
        return self.streams.key(partition, "lease")

    def requests_lease(self, partition: int) -> Annotated[String, Kept(LEASE_TTL_MS)]:
        """Who carries out the partition's requests."""
        return self.streams.key(partition, "requests-lease")

    def confirm_lease(self, partition: int) -> Annotated[String, Kept(LEASE_TTL_MS)]:
        """Who looks for the partition's memories in the index."""
        return self.streams.key(partition, "confirm-lease")

    def session_lease(self, user_id: str, session_id: str) -> Annotated[String, Kept(LEASE_TTL_MS)]:
        """Who extracts the session."""
        return self._of(session_id, f"lease:{user_id}:{session_id}")

    def user_lease(self, user_id: str) -> Annotated[String, Kept(LEASE_TTL_MS)]:
        """Who changes the user's memories."""
        return self._of(user_id, f"lease:{user_id}")

    def queued(self, partition: int, task: str) -> Annotated[String, Kept(QUEUED_MS)]:
        """A task is on its way: no second one is enqueued."""
        return self.streams.key(partition, f"queued-{task}")

    def wait(self, partition: int, task: str) -> Annotated[String, Kept(LONGEST_WAIT_MS)]:
        """The task failed: none is enqueued before this runs out."""
        return self.streams.key(partition, f"wait-{task}")

    def attempts(self, partition: int, task: str) -> Annotated[String, Kept(ATTEMPTS_MS)]:
        """How often the task failed in a row."""
        return self.streams.key(partition, f"attempts-{task}")

    def paused(self, task: str) -> Annotated[String, Kept(LONGEST_PAUSE_MS)]:
        """Why a queue is paused."""
        return f"{self.streams.prefix}:paused-{task}"

    def pauses(self, task: str) -> Annotated[String, Kept(PAUSES_MS)]:
        """How often in a row it was."""
        return f"{self.streams.prefix}:pauses-{task}"

    def dispatch_leader(self) -> Annotated[String, Kept(LEADER_MS)]:
        """Which dispatcher leads; renewed."""
        return f"{self.streams.prefix}:dispatch-leader"

    def workers(self) -> SortedSet:
        """Workers with what they consume, by their last report, ms."""
        return f"{self.streams.prefix}:workers"

    def failing(self) -> Annotated[Hash, Kept(FAILING_MS)]:
        """The last error of each task, and since when nothing of it has succeeded."""
        return f"{self.streams.prefix}:failing"

    def reconcile(self) -> String:
        """Where the sweep of the session table goes on."""
        return f"{self.streams.prefix}:reconcile"

    def decided_with_stale_index(self) -> String:
        """How many decisions were made without all neighbours."""
        return f"{self.streams.prefix}:decided-with-stale-index"

    def spent(self, day: date) -> Annotated[Hash, Kept(SPENT_MS)]:
        """Calls and tokens of a day."""
        return f"{self.streams.prefix}:spent:{day}"

    def cost(self, day: date, user_id: str) -> Annotated[Hash, Kept(SPENT_MS)]:
        """What a user's calls to Qwen used in a day, by model and purpose."""
        return self._of(user_id, f"cost:{day}:{user_id}")

    def cost_of_all(self, day: date) -> Annotated[Hash, Kept(SPENT_MS)]:
        """The same of all users and of nobody."""
        return self._of("", f"cost-of-all:{day}")

    def unbooked(self, partition: int) -> SortedSet:
        """Sums of days, and what people did by hand, to be made rows, by when, ms."""
        return self.streams.key(partition, "unbooked")

    def over_budget(self, day: date) -> Annotated[String, Kept(SPENT_MS)]:
        """How many users have spent their tokens of a day; a HyperLogLog."""
        return f"{self.streams.prefix}:over-budget:{day}"

    def counts(self, model: str) -> Annotated[Hash, Kept(COUNTS_MS)]:
        """Requests and tokens of this minute and the last, and how many calls may be under way."""
        return f"{self.streams.prefix}:{{qwen-{model}}}:counts"

    def calls(self, model: str) -> Annotated[SortedSet, Kept(CALL_MS)]:
        """Calls under way, by when they count no more, ms."""
        return f"{self.streams.prefix}:{{qwen-{model}}}:calls"

    def dropped(self) -> Annotated[Hash, Kept(DROPPED_KEPT_S * 1000)]:
        """How many events each publisher had to drop, by reason."""
        return self.streams.dropped

    def backlogs(self) -> Annotated[Hash, Kept(BACKLOG_KEPT_S * 1000)]:
        """How many events each publisher could not deliver yet, and when it said so, in ms."""
        return self.streams.backlogs

    def settled(self, partition: int) -> Hash:
        """Events taken off the stream, ever: stored with their rows and bytes, refused, forgotten."""
        return self.streams.key(partition, "settled")

    def counted(self) -> Hash:
        """What workers counted, by series, and since when, ms (docs/metrics.md)."""
        return f"{self.streams.prefix}:{{counted}}:counts"

    def reported(self, process: str) -> Annotated[String, Kept(REPORTED_MS)]:
        """How many reports of a process are in that."""
        return f"{self.streams.prefix}:{{counted}}:reported:{process}"

    def celery(self, name: str) -> Annotated[str, "any"]:
        """Celery's own."""
        return f"{self.streams.prefix}:celery:{name}"

    def _of(self, owner: str, name: str) -> str:
        return self.streams.key(self.streams.partition(owner), name)

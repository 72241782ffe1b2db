"""What users asked for by name: remember this, forget that. One at a time for each partition, a user's in order.

Ingestion moves such events to the stream `requests` when everything published before them is stored. What
has to wait, waits alone: the requests of other users go on, and to forget overtakes all, as it needs no model
and is decided by when it was received. One that keeps failing is set aside.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from redis import Redis

from tablestore_memory.protocol.events import Forget
from tablestore_memory.worker.failures.errors import LeaseLost
from tablestore_memory.worker.requests.attempt import Request, RequestAttempt
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.entries import oldest
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease, Leases
from tablestore_memory.worker.state.scripts import script

_LOOKED_AT = 1_000  # entries: those that wait stand in front of those that may go on


@script
def settle_request(
    redis: Redis, *, lease: str, requests: str, tries: str, token: str, entry: str
) -> int: ...


@dataclass(frozen=True)
class Requests:
    """The requests of all partitions. A turn at one ends after so many of them or so many seconds: far below
    what ends a turn that hangs, as that counts as a try."""

    redis: Redis
    keys: Keys
    leases: Leases
    attempt: RequestAttempt
    most_a_turn: int = 50
    turn_s: float = 10.0
    monotonic: Callable[[], float] = time.monotonic

    def process(self, partition: int) -> int:
        """Do what was asked in a partition, and may be done now. Returns how many requests were settled.

        Raises Busy if another worker is at it, SystemicFailure if no request could be done.
        """
        settled, ends = 0, self.monotonic() + self.turn_s
        halted: set[str] = set()  # lines in which a request was not done in this turn
        with self.leases.lease(self.keys.requests_lease(partition)) as lease:
            for request in islice(self._in_turn(partition), self.most_a_turn):
                if self.monotonic() > ends:
                    break
                if request.line in halted:
                    continue
                lease.ensure_held()
                if self.attempt.settle(request, lease, partial(self._take_off, request, lease)):
                    settled += 1
                elif request.line:
                    halted.add(request.line)
        return settled

    def _in_turn(self, partition: int) -> Iterator[Request]:
        """To forget first, then what is new, then what failed before; nothing before the same user's older one."""
        entries = oldest(self.redis, self.keys.requests(partition), _LOOKED_AT)
        tried, now = self.attempt.attempts.all(partition), now_ms(self.redis)
        ready: list[Request] = []
        halted: set[str] = set()
        for request in (Request.of(partition, entry) for entry in entries):
            attempts = tried.get(request.item)
            if request.line not in halted and (attempts is None or attempts.next_ms <= now):
                ready.append(request)
            if attempts is not None and request.line:
                halted.add(request.line)
        yield from sorted(ready, key=lambda r: (not isinstance(r.event, Forget), r.item in tried))

    def _take_off(self, request: Request, lease: Lease) -> None:
        settled = settle_request(
            self.redis,
            lease=lease.key,
            requests=self.keys.requests(request.partition),
            tries=self.keys.requests_tries(request.partition),
            token=lease.token,
            entry=request.entry.entry_id,
        )
        if settled < 0:
            raise LeaseLost(lease.key)

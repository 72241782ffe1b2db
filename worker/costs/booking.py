"""From Redis to Tablestore: a row for an owner's day, and for each deed, some seconds later and in batches.

No lease: a row of sums only grows, and a deed is the same however often it is written. What fails waits a
minute; nothing else waits for it.
"""

from dataclasses import dataclass
from datetime import date
from typing import cast

import tablestore as ots
from redis import Redis

from tablestore_memory.worker.costs.ledger import BATCHED_MS, Ledger
from tablestore_memory.worker.costs.unbooked import CostOf, Deed, Unbooked, name_of, named
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.scripts import script
from tablestore_memory.worker.stores.audit import Audit
from tablestore_memory.worker.stores.batch import MAX_ROWS
from tablestore_memory.worker.stores.costs import Costs
from tablestore_memory.worker.stores.rows import RowWrite
from tablestore_memory.worker.stores.write import write_all, write_rows

_AGAIN_MS = 60_000


@script
def end_booking(
    redis: Redis, *, cost: str, unbooked: str, name: bytes, calls: int, delay_ms: int
) -> int: ...


@dataclass(frozen=True)
class Booking:
    """The collaborators of a turn."""

    redis: Redis
    keys: Keys
    client: ots.OTSClient
    ledger: Ledger
    costs: Costs
    audit: Audit

    def book(self, partition: int) -> int:
        """Write what is due in a partition. Returns how many rows were written. Raises what kept one from it."""
        due = [(each, *self._row(each)) for each in self._take(partition)]
        rows = [row for _, row, _ in due if row]
        failures = write_rows(self.client, rows)
        failed = {rows[place].key for place in failures}
        for each, row, calls in due:
            if row is None or row.key not in failed:
                self._settle(partition, each, row, calls)
        for error in failures.values():
            raise error
        return len(rows)

    def _take(self, partition: int) -> list[Unbooked]:
        """What is due; due again in a minute, unless it is settled until then."""
        key, now = self.keys.unbooked(partition), now_ms(self.redis)
        names = cast(list[bytes], self.redis.zrangebyscore(key, "-inf", now, start=0, num=MAX_ROWS))
        if names:
            self.redis.zadd(key, dict.fromkeys(names, now + _AGAIN_MS), xx=True)
        return [each for each in map(named, names) if each]

    def _row(self, unbooked: Unbooked) -> tuple[RowWrite | None, int]:
        if not isinstance(unbooked, CostOf):
            return audit_row(self.audit, unbooked), 0
        calls, spent = self.ledger.spent(date.fromisoformat(unbooked.day), unbooked.owner)
        row = self.costs.row(unbooked.day, unbooked.owner, calls, spent) if calls else None
        return row, calls

    def _settle(self, partition: int, unbooked: Unbooked, row: RowWrite | None, calls: int) -> None:
        key, name = self.keys.unbooked(partition), name_of(unbooked)
        if not isinstance(unbooked, CostOf):
            self.redis.zrem(key, name)
            return
        there = end_booking(
            self.redis,
            cost=self.ledger.key(date.fromisoformat(unbooked.day), unbooked.owner),
            unbooked=key,
            name=name,
            calls=calls,
            delay_ms=BATCHED_MS,
        )
        if row and not there:  # forgotten while it was written
            write_all(self.client, [self.costs.deletion(unbooked.day, unbooked.owner)])


def audit_row(audit: Audit, deed: Deed) -> RowWrite:
    """The row of what somebody did."""
    said = {"command": deed.command, "user_id": deed.user_id, "by": deed.by, "host": deed.host}
    return audit.row(
        deed.at, deed.deed_id, [(name, value) for name, value in said.items() if value]
    )

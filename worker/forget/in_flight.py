"""What of a user is still on its way, or was set aside: found in the streams of all partitions, and deleted.

Events first, then requests, then dead letters: that is the way in which they move. A drain may have the
front of its stream in flight; that is not deleted under it, as its rows would come after all.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import EVENT_FIELD, Streams
from tablestore_memory.worker.forget.scope import Scope
from tablestore_memory.worker.state.dead_letters import EXTRACT
from tablestore_memory.worker.state.entries import every, received_ms
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import active_partitions
from tablestore_memory.worker.state.scripts import script
from tablestore_memory.worker.state.tombstones import peek
from tablestore_memory.worker.stores.batch import MAX_ROWS

_EVENT = EVENT_FIELD.encode()


@script
def delete_unheld(
    redis: Redis, *, lease: str, stream: str, most_in_flight: int, entries: Sequence[str]
) -> tuple[int, int]: ...


@dataclass(frozen=True)
class InFlight:
    """Events, requests and dead letters. So many of a stream are deleted at once; a drain may hold so many of the
    oldest ones."""

    redis: Redis
    streams: Streams
    at_once: int = 500
    most_held: int = MAX_ROWS

    def forget(self, scope: Scope) -> tuple[dict[str, int], int]:
        """Delete what is covered: how many of each, and how many events are left as a drain may hold them."""
        partitions, keys = active_partitions(self.redis, self.streams), Keys(self.streams)
        events = [
            self._delete(p, keys.events, scope, most_in_flight=self.most_held) for p in partitions
        ]
        requests = [self._delete(p, keys.requests, scope) for p in partitions]
        letters = [self._delete(p, keys.dead, scope) for p in partitions]
        counts = {
            "events": sum(deleted for deleted, _ in events),
            "requests": sum(deleted for deleted, _ in requests),
            "dead_letters": sum(deleted for deleted, _ in letters),
        }
        return counts, sum(held for _, held in events)

    def _delete(
        self, partition: int, key: Callable[[int], str], scope: Scope, most_in_flight: int = 0
    ) -> tuple[int, int]:
        stream, lease = key(partition), Keys(self.streams).lease(partition)
        found = list(self._found(stream, scope))
        deleted = held = 0
        for start in range(0, len(found), self.at_once):
            gone, left = delete_unheld(
                self.redis,
                lease=lease,
                stream=stream,
                most_in_flight=most_in_flight,
                entries=found[start : start + self.at_once],
            )
            deleted, held = deleted + gone, held + left
        return deleted, held

    def _found(self, stream: str, scope: Scope) -> Iterator[str]:
        for entry_id, fields in every(self.redis, stream):
            # What an extraction gave up is about messages, whenever it did so.
            given_up = fields.get(b"queue") == EXTRACT.encode()
            covered = given_up or received_ms(entry_id, fields) <= scope.upto_ms
            if covered and _is_within(fields.get(_EVENT, b""), scope):
                yield entry_id


def _is_within(raw: bytes, scope: Scope) -> bool:
    """Whether an entry is the user's, in the session; requests to forget are carried out, not forgotten."""
    said = peek(raw)
    if said is None:
        in_session = scope.session_id is None or _says(raw, "session_id", scope.session_id)
        return in_session and _says(raw, "user_id", scope.user_id)
    if said.user_id != scope.user_id or said.type == "forget":
        return False
    return scope.in_session(said.session_id)


def _says(raw: bytes, field: str, value: str) -> bool:
    """Whether a text that is no JSON holds the field with this value, in either way of writing it."""
    written = {msgspec.json.encode(value), json.dumps(value).encode()}
    return any(re.search(rb'"%s"\s*:\s*%s' % (field.encode(), re.escape(w)), raw) for w in written)

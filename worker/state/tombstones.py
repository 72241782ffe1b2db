"""What was forgotten, and up to when: whoever is about to write for a user asks here first, and once more
when it has written.

"When" is the receipt, in ms of Redis' clock: what was published by then is forgotten, whenever it arrives,
and what is published later is not, be it the same once more. A tombstone tells nothing of whom it is for:
fields are hashes of ids.
"""

import json
from collections.abc import Collection
from hashlib import blake2b
from typing import Any, cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.events import Event, Forget
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.state.entries import StreamEntry
from tablestore_memory.worker.state.keys import TOMBSTONE_MS, Keys
from tablestore_memory.worker.state.scripts import script

Pair = tuple[str, str | None]
"""A user, and a session or none: an event that has none belongs to the user alone."""


class Peek(msgspec.Struct):
    """As much as must be read of an event that may be malformed."""

    type: Any = None
    user_id: Any = None
    session_id: Any = None


@script
def note_forgotten(
    redis: Redis, *, receipts: str, expiries: str, whom: bytes, received_ms: int, kept_ms: int
) -> None: ...


class Tombstones:
    """Of all users, in one place: a batch of events asks in one command."""

    def __init__(self, redis: Redis, streams: Streams, *, kept_ms: int = TOMBSTONE_MS) -> None:
        self._redis = redis
        self._keys = Keys(streams)
        self._kept_ms = kept_ms

    def note(self, user_id: str, session_id: str | None, received_ms: int) -> None:
        """Forgotten up to this receipt. To be called before anything is deleted, so that nothing slips in."""
        note_forgotten(
            self._redis,
            receipts=self._keys.forgotten_upto(),
            expiries=self._keys.forgotten_until(),
            whom=_hashed(user_id, session_id),
            received_ms=received_ms,
            kept_ms=self._kept_ms,
        )

    def covers(self, user_id: str, session_id: str | None, received_ms: int) -> bool:
        """Whether what was received then, in that session, is forgotten."""
        return received_ms <= self.upto([(user_id, session_id)]).get((user_id, session_id), -1)

    def upto(self, pairs: Collection[Pair]) -> dict[Pair, int]:
        """The latest receipt that is forgotten, for each pair of which anything is; one round trip."""
        if not pairs:
            return {}
        fields = {
            name: _hashed(*name)
            for user, session in pairs
            for name in ((user, None), (user, session))
        }
        key = self._keys.forgotten_upto()
        found = cast(list[bytes | None], self._redis.hmget(key, list(fields.values())))
        noted = {name: int(upto) for name, upto in zip(fields, found, strict=True) if upto}
        if not noted:
            return {}
        return {
            (user, session): max(known)
            for user, session in pairs
            if (known := [noted[n] for n in {(user, None), (user, session)} if n in noted])
        }


def pair_of(source: StreamEntry, event: Event | None) -> Pair | None:
    """Whose an entry is, as far as it can be told; requests to forget are nobody's: they are carried out."""
    if isinstance(event, Forget):
        return None
    if event is not None:
        return event.user_id, event.session_id
    said = peek(source.raw)
    if said is None or not isinstance(said.user_id, str):
        return None
    return said.user_id, said.session_id if isinstance(said.session_id, str) else None


def peek(raw: bytes) -> Peek | None:
    """None if it is no JSON object, however leniently read."""
    try:
        return msgspec.json.decode(raw, type=Peek)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        fields = json.loads(raw.decode(errors="surrogatepass"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    return Peek(fields.get("type"), fields.get("user_id"), fields.get("session_id"))


def _hashed(user_id: str, session_id: str | None) -> bytes:
    """16 bytes of BLAKE2b: no two of a deployment's users meet. No id holds a NUL; a malformed one may hold
    half a surrogate pair."""
    whom = user_id if session_id is None else f"{user_id}\0{session_id}"
    return blake2b(whom.encode(errors="surrogatepass"), digest_size=16).digest()

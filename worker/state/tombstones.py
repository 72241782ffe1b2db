"""What was forgotten, and up to when: whoever is about to write for a user asks here first, and once more
when it has written.

"When" is the receipt, in ms of Redis' clock: what was published by then is forgotten, whenever it arrives,
and what is published later is not, be it the same once more. A tombstone tells nothing of whom it is for:
fields are hashes of ids.

Keys, in one slot of a cluster: `<prefix>:{forgotten}:upto` (hash: of whom, to the latest receipt) and
`<prefix>:{forgotten}:until` (sorted set: of whom, by the time in ms when it may go).
"""

from collections.abc import Collection
from hashlib import blake2b
from typing import cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams

Pair = tuple[str, str | None]
"""A user, and a session or none: an event that has none belongs to the user alone."""

KEPT_MS = 30 * 86_400_000
"""Thirty days: no publisher delivers later what it had in its journal, and no plan waits as long."""

# KEYS: upto until   ARGV: of-whom received_ms kept_ms
# An older request, carried out late, shortens nothing. Each note clears away some that ran out.
_NOTE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '-1')
if tonumber(ARGV[2]) > known then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
for _, over in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[1], over)
  redis.call('ZREM', KEYS[2], over)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
"""


class Tombstones:
    """Of all users, in one place: a batch of events asks in one command."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._keys = [f"{streams.prefix}:{{forgotten}}:{name}" for name in ("upto", "until")]

    def note(self, user_id: str, session_id: str | None, received_ms: int) -> None:
        """Forgotten up to this receipt. To be called before anything is deleted, so that nothing slips in."""
        whom = _hashed(user_id, session_id)
        self._redis.eval(_NOTE, len(self._keys), *self._keys, whom, received_ms, KEPT_MS)

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
        found = cast(list[bytes | None], self._redis.hmget(self._keys[0], list(fields.values())))
        noted = {name: int(upto) for name, upto in zip(fields, found, strict=True) if upto}
        if not noted:
            return {}
        return {
            (user, session): max(known)
            for user, session in pairs
            if (known := [noted[n] for n in {(user, None), (user, session)} if n in noted])
        }


def _hashed(user_id: str, session_id: str | None) -> bytes:
    """16 bytes of BLAKE2b: no two of a deployment's users meet. No id holds a NUL; a malformed one may hold
    half a surrogate pair."""
    whom = user_id if session_id is None else f"{user_id}\0{session_id}"
    return blake2b(whom.encode(errors="surrogatepass"), digest_size=16).digest()

"""How much has flowed through the streams, ever: counted where it flows, so right whatever died meanwhile."""

from collections import Counter
from typing import cast

from redis import Redis
from redis.exceptions import ResponseError

from tablestore_memory.worker.metrics.catalogue import PUBLISHED, ROWS, SETTLED, STALE, STORED_BYTES
from tablestore_memory.worker.metrics.tally import Series
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import active_partitions

_OUTCOMES = ("stored", "refused", "forgotten")


def flow(redis: Redis, keys: Keys) -> dict[Series, float]:
    partitions = active_partitions(redis, keys.streams)
    settled = _settled(redis, keys, partitions)
    amounts: dict[Series, float] = {
        Series(SETTLED.name, (outcome,)): settled[outcome] for outcome in _OUTCOMES
    }
    amounts |= {Series(ROWS.name): settled["rows"], Series(STORED_BYTES.name): settled["bytes"]}
    amounts[Series(STALE.name)] = int(redis.get(keys.decided_with_stale_index()) or 0)
    if (published := _published(redis, keys, partitions)) is not None:
        amounts[Series(PUBLISHED.name)] = published
    return amounts


def stored(redis: Redis, keys: Keys) -> float:
    """Of all that, how many events were stored."""
    return _settled(redis, keys, active_partitions(redis, keys.streams))["stored"]


def _settled(redis: Redis, keys: Keys, partitions: range) -> Counter[str]:
    """What became of events, over all partitions."""
    with redis.pipeline(transaction=False) as pipe:
        for p in partitions:
            pipe.hgetall(keys.settled(p))
        found = cast(list[dict[bytes, bytes]], pipe.execute())
    total: Counter[str] = Counter()
    for each in found:
        total.update({what.decode(): int(n) for what, n in each.items()})
    return total


def _published(redis: Redis, keys: Keys, partitions: range) -> int | None:
    """Entries ever added to the streams of events; None of a Redis that does not count them (before 7)."""
    with redis.pipeline(transaction=False) as pipe:
        for p in partitions:
            pipe.xinfo_stream(keys.events(p))
        about = pipe.execute(raise_on_error=False)
    added = 0
    for each in about:
        if isinstance(each, ResponseError):
            continue  # nothing was ever published there
        if isinstance(each, Exception):
            raise each
        if "entries-added" not in each:
            return None
        added += int(each["entries-added"])
    return added

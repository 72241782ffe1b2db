"""Which partitions there are, by the streams that were ever used."""

import pytest
import redis

from tablestore_memory.protocol.streams import MAX_PARTITIONS
from tablestore_memory.worker.state.partitions import (
    STATE_PARTITIONS,
    active_partitions,
    state_streams,
)


@pytest.mark.parametrize("highest", [0, 31, 32, 63, 64, 500, MAX_PARTITIONS - 1])
def test_highest_stream_ever_used_is_found_also_when_it_is_empty(
    redis_url: str, fresh_name: str, highest: int
) -> None:
    streams = state_streams(fresh_name)
    with redis.Redis.from_url(redis_url) as client:
        for partition in {3, highest}:
            name = client.xadd(streams.events(partition), {"event": "x"})
            client.xdel(streams.events(partition), name)

        assert active_partitions(client, streams) == range(max(STATE_PARTITIONS, highest + 1))


def test_without_streams_there_are_those_of_our_own_state(redis_url: str, fresh_name: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert active_partitions(client, state_streams(fresh_name)) == range(STATE_PARTITIONS)

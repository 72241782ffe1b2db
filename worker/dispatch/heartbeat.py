"""Which workers live, what each consumes, and what it was told: they say so once a second."""

import os
import socket
from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys

_ALIVE_MS = 10_000


class Worker(msgspec.Struct, frozen=True):
    """`queues` are Celery's. Of its settings, what says how a deployment stands."""

    name: str
    queues: tuple[str, ...]
    daily_tokens: int | None = None
    max_wait_s: float = 0


def this_process() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}:{os.getpid()}"


def report_alive(redis: Redis, streams: Streams, worker: Worker) -> None:
    now, key = now_ms(redis), Keys(streams).workers()
    with redis.pipeline(transaction=False) as pipe:
        pipe.zadd(key, {msgspec.json.encode(worker): now})
        pipe.zremrangebyscore(key, "-inf", now - _ALIVE_MS)
        pipe.execute()


def alive(redis: Redis, streams: Streams) -> list[Worker]:
    """The workers that reported within the last seconds, each as it last did."""
    key = Keys(streams).workers()
    found = cast(list[bytes], redis.zrangebyscore(key, now_ms(redis) - _ALIVE_MS, "+inf"))
    by_name = {w.name: w for w in (msgspec.json.decode(said, type=Worker) for said in found)}
    return sorted(by_name.values(), key=lambda worker: worker.name)

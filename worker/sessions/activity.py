"""What stored messages leave behind: their sessions wait in Redis until they are due for extraction.

Recorded before the entries leave the stream, in the sessions' own partitions, which may stand on other
nodes. Recorded twice it counts double and falls due sooner; never recorded it cannot be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from redis import Redis

from tablestore_memory.protocol.events import Event, Message, SessionEnd
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.protocol.traces import is_traceparent
from tablestore_memory.worker.qwen.tokens import tokens_of
from tablestore_memory.worker.sessions.due import FROM_WATERMARK, DuePolicy, member
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.scripts import script


@script
def record_activity(redis: Any, *, pending: str, due: str, work: bytes) -> None: ...


@dataclass(slots=True)
class SessionActivity:
    """What one batch adds to a session that waits for extraction."""

    session_id: str
    member: str
    count: int = 0
    tokens: int = 0
    from_us: int = FROM_WATERMARK  # no message yet
    ended: bool = False
    traces: list[str] = field(default_factory=list)


def sessions_of(events: Iterable[tuple[bytes, Event]]) -> list[SessionActivity]:
    """The sessions that messages and session ends belong to; each event with its JSON."""
    sessions: dict[tuple[str, str], SessionActivity] = {}
    for raw, event in events:
        if not isinstance(event, (Message, SessionEnd)):
            continue
        pair = event.user_id, event.session_id
        activity = sessions.get(pair)
        if activity is None:
            activity = SessionActivity(event.session_id, member(*pair).decode())
            sessions[pair] = activity
        trace = event.traceparent
        if trace and trace not in activity.traces and is_traceparent(trace):
            activity.traces.append(trace)
        if isinstance(event, Message):
            activity.count += 1
            activity.tokens += tokens_of(raw)
            activity.from_us = min(activity.from_us, event.created_at)
        else:
            activity.ended = True
    return list(sessions.values())


def record(
    redis: Redis, streams: Streams, sessions: Sequence[SessionActivity], policy: DuePolicy
) -> None:
    """Let the sessions wait; each falls due by the policy."""
    keys = Keys(streams)
    by_partition: dict[int, list[SessionActivity]] = {}
    for activity in sessions:
        by_partition.setdefault(streams.partition(activity.session_id), []).append(activity)
    with redis.pipeline(transaction=False) as pipe:
        for partition, group in by_partition.items():
            record_activity(
                pipe,
                pending=keys.pending(partition),
                due=keys.due(partition),
                work=msgspec.msgpack.encode({"sessions": group, "policy": policy}),
            )
        pipe.execute()

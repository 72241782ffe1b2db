"""What stored messages leave behind: their sessions wait until they are due."""

from typing import Any

from redis import Redis

from tablestore_memory.protocol.events import Event, Message, Remember, SessionEnd
from tablestore_memory.worker.qwen.tokens import tokens_of
from tablestore_memory.worker.sessions.activity import SessionActivity, record, sessions_of
from tablestore_memory.worker.sessions.due import DuePolicy, DueSessions
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.partitions import state_streams

HOUR_MS = 3_600_000
PATIENT = DuePolicy(
    idle_ms=HOUR_MS, max_messages=1_000, max_tokens=10**6, max_wait_ms=100 * HOUR_MS
)
RAW = b'{"content": "' + b"word " * 50 + b'"}'


def message(session: str, created_at: int, user: str = "u") -> Message:
    ids: dict[str, Any] = dict.fromkeys(("event_id", "message_id"), f"{session}-{created_at}")
    return Message(user_id=user, session_id=session, created_at=created_at, role="user", **ids)


def over(session: str) -> SessionEnd:
    return SessionEnd(event_id="e", user_id="u", session_id=session, created_at=1)


def came(*events: Event) -> list[SessionActivity]:
    return sessions_of((RAW, event) for event in events)


def test_session_is_told_its_messages_their_tokens_and_the_earliest_stamp() -> None:
    (one,) = came(message("s", 5), message("s", 3), message("s", 9))

    assert one == SessionActivity("s", '["u","s"]', 3, 3 * tokens_of(RAW), from_us=3, ended=False)
    assert tokens_of(RAW) > 10


def test_session_that_is_over_has_no_message_by_that() -> None:
    (one,) = came(over("s"))

    assert one == SessionActivity("s", '["u","s"]', 0, 0, from_us=2**52, ended=True)


def test_session_is_a_users_and_what_belongs_to_none_makes_none() -> None:
    asked = Remember(event_id="e", user_id="u", created_at=1, text="Tea.", session_id="s")

    found = came(asked, message("s", 1), message("s", 2, user="v"), over("t"))

    assert [one.member for one in found] == ['["u","s"]', '["v","s"]', '["u","t"]']
    assert [one.ended for one in found] == [False, False, True]


def test_sessions_wait_in_their_own_partitions_by_the_policy(redis: Redis, fresh_name: str) -> None:
    streams = state_streams(fresh_name)
    names = [f"s{number}" for number in range(10)]

    began_ms = now_ms(redis)
    record(redis, streams, came(*(message(name, 7) for name in names)), PATIENT)
    record(redis, streams, came(message("s0", 5), over("s1")), PATIENT)

    due = DueSessions(redis, streams)
    for name in names:
        score = redis.zscore(streams.key(streams.partition(name), "due"), f'["u","{name}"]')
        assert score is not None
        wait_ms = score - began_ms
        assert wait_ms < 60_000 if name == "s1" else wait_ms >= HOUR_MS
    first, second = due.begin("u", "s0"), due.begin("u", "s1")
    assert first is not None and second is not None
    assert (first.count, first.tokens, first.from_us) == (2, 2 * tokens_of(RAW), 5)
    assert (second.count, second.from_us, second.ended) == (1, 7, True)


def test_nothing_that_came_needs_no_command(redis: Redis, fresh_name: str) -> None:
    record(redis, state_streams(fresh_name), [], PATIENT)

    assert [*redis.scan_iter(f"{fresh_name}:*")] == []

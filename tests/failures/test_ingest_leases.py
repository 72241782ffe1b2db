"""Who may drain, who watches: one at a time, and a holder that lost its turn changes nothing."""

from typing import Any

import pytest

from devtools.deployment import Deployment
from devtools.servers import wait_until
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.dispatch.dispatcher import Dispatcher
from tablestore_memory.worker.failures.errors import Busy, LeaseLost
from tablestore_memory.worker.ingest.acknowledge import acknowledge
from tablestore_memory.worker.ingest.batches import build_batch
from tablestore_memory.worker.ingest.outcome import Outcome
from tablestore_memory.worker.state.entries import take
from tablestore_memory.worker.state.lease import Lease
from tests.failures.ingesting import append, dead, drain_all, message, texts, waiting


def test_partition_has_one_drain_at_a_time(undrained: Deployment, fresh_name: str) -> None:
    append(undrained, 0, message(fresh_name, 1))
    key = undrained.services.streams.key(0, "lease")

    with Lease(undrained.services.redis, key), pytest.raises(Busy):
        undrained.services.ingest.drain(0)

    assert waiting(undrained, 0) == 1


def test_drain_that_lost_its_lease_acknowledges_nothing(
    undrained: Deployment, fresh_name: str
) -> None:
    """It was paused, another one took over: its writes do no harm, its deletion would."""
    services = undrained.services
    streams, redis = services.streams, services.redis
    append(undrained, 0, message(fresh_name, 1), b"malformed")

    with Lease(redis, streams.key(0, "lease")) as lost:
        taken = take(redis, lost, streams.events(0), streams.key(0, "in-flight"), 200)
        batch = build_batch(taken.entries, services.names)
        redis.set(streams.key(0, "lease"), "another")
        with pytest.raises(Busy):
            acknowledge(redis, streams, 0, lost, Outcome.of(batch, {}), deliveries=1)
        with pytest.raises(Busy):
            take(redis, lost, streams.events(0), streams.key(0, "in-flight"), 200)
    still = redis.get(streams.key(0, "lease"))
    redis.delete(streams.key(0, "lease"))

    assert still == b"another"
    assert waiting(undrained, 0) == 2
    assert dead(undrained) == []
    drain_all(undrained, 0)
    assert texts(undrained, fresh_name) == ["text 1"]


def test_lease_lasts_as_long_as_it_is_held_and_no_longer(
    undrained: Deployment,
) -> None:
    redis, key = undrained.services.redis, undrained.services.streams.key(0, "lease")
    renewals: list[int] = []

    def looked_often() -> bool:
        renewals.append(int(redis.pttl(key)))
        return len(renewals) > 120

    # It outlives a second in which the machine does something else.
    with Lease(redis, key, ttl_ms=2_000) as held:
        wait_until(looked_often, "looks")
        held.ensure_held()
        assert min(renewals) > 0
        redis.set(key, "another")
        wait_until(lambda: is_lost(held), "the loss noticed")

    assert redis.get(key) == b"another"


def test_holder_that_was_stopped_for_longer_than_its_lease_notices_before_it_writes(
    undrained: Deployment,
) -> None:
    """By its own clock, before it has heard anything of Redis."""
    now = [0.0]
    key = undrained.services.streams.key(0, "lease")

    with Lease(undrained.services.redis, key, monotonic=lambda: now[0]) as held:
        now[0] = 5.9
        before = is_lost(held)
        now[0] = 6.0
        after = is_lost(held)

    assert (before, after) == (False, True)


def is_lost(lease: Lease) -> bool:
    try:
        lease.ensure_held()
    except LeaseLost:
        return True
    return False


def test_one_watch_is_on_duty_and_another_follows(undrained: Deployment, fresh_name: str) -> None:
    sent: list[tuple[str, list[Any]]] = []
    first, second = (
        Dispatcher(
            undrained.services.redis,
            undrained.services.streams,
            lambda task, args: sent.append((task, args)),
            queued=lambda queue: 0,
            configured=4,
        )
        for _ in range(2)
    )
    append(undrained, 2, message(fresh_name, 1))

    assert [first.lead(), second.lead(), first.lead()] == [True, False, True]
    first.sweep()
    first.sweep()
    first.resign()

    assert second.lead()
    assert [call for call in sent if call[0] == gate.DRAIN] == [(gate.DRAIN, [2])]


def test_event_between_two_looks_is_not_missed(undrained: Deployment, fresh_name: str) -> None:
    """While the dispatcher saw to partition 1, one came in partition 2."""
    dispatcher = Dispatcher(
        undrained.services.redis,
        undrained.services.streams,
        lambda task, args: None,
        queued=lambda queue: 0,
        configured=4,
    )
    dispatcher.sweep()

    append(undrained, 1, message(fresh_name, 1))
    first = dispatcher.wait_for_events()
    append(undrained, 2, message(fresh_name, 2))
    second = dispatcher.wait_for_events()
    third = dispatcher.wait_for_events()

    assert (first, second, third) == ([1], [2], [])


def test_sessions_that_are_due_never_fill_the_broker(
    undrained: Deployment, fresh_name: str
) -> None:
    """Without a worker for extraction the queue stays at its bound, however often is swept."""
    waiting_in_queue: list[Any] = []
    services = undrained.services
    for number in range(700):
        services.due.add(fresh_name, f"{fresh_name}-{number}", 0)
    dispatcher = Dispatcher(
        services.redis,
        services.streams,
        lambda task, args: waiting_in_queue.append(args) if task == gate.EXTRACT else None,
        queued=lambda queue: len(waiting_in_queue),
        configured=4,
    )

    for _ in range(4):
        dispatcher.sweep()

    assert len(waiting_in_queue) == 500
    assert all(isinstance(partition, int) for (partition,) in waiting_in_queue)


def test_paused_queue_gets_no_tasks_until_the_pause_is_over(
    undrained: Deployment, fresh_name: str
) -> None:
    marks = undrained.services.gate
    marks.pause(gate.DRAIN, "the key is wrong")

    assert not marks.reserve(gate.DRAIN, 0)
    (pause,) = marks.paused()
    assert pause == {"queue": "ingest", "task": gate.DRAIN, "reason": "the key is wrong"}
    wait_until(lambda: marks.reserve(gate.DRAIN, 0), "the pause over")


def test_memories_are_not_looked_for_before_they_are_due(
    undrained: Deployment, fresh_name: str
) -> None:
    services, sent = undrained.services, []
    dispatcher = Dispatcher(
        services.redis,
        services.streams,
        lambda task, args: sent.append(task),
        queued=lambda queue: 0,
        configured=4,
    )
    services.unindexed.add(fresh_name, ["one"])

    dispatcher.sweep()
    early = gate.CONFIRM in sent

    def swept() -> bool:
        dispatcher.sweep()
        return gate.CONFIRM in sent

    assert not early
    wait_until(swept, "the look for it")

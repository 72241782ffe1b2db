"""An event that kills its worker: it is found and set aside alone; who died near it by chance is not."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from devtools.deployment import Deployment
from tablestore_memory.worker.failures.errors import WorkerError
from tablestore_memory.worker.failures.isolation import Isolation
from tablestore_memory.worker.ingest.batches import Batch, build_batch
from tablestore_memory.worker.ingest.writing import write_batch
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.settings import Settings
from tablestore_memory.worker.state.entries import StreamEntry
from tests.failures.ingesting import append, dead, drain_all, message, texts, waiting

POISON = b"poison"
ALONE = Isolation.HEAD_TRIES


def drain_until_killed(settings: Settings, kill_after_write: int) -> None:
    """In a process of its own: die where poison is decoded, or after so many batches were written."""
    written = 0

    def deadly_build(entries: Sequence[StreamEntry], *more: Any) -> Batch:
        if any(POISON in entry.raw for entry in entries):
            os.kill(os.getpid(), signal.SIGKILL)
        return build_batch(entries, *more)

    def deadly_write(client: Any, batch: Batch) -> dict[int, WorkerError]:
        nonlocal written
        failures = write_batch(client, batch)
        written += 1
        if written == kill_after_write:
            os.kill(os.getpid(), signal.SIGKILL)
        return failures

    ingest = replace(Services(settings).ingest, build=deadly_build, write=deadly_write)
    while ingest.drain(0):
        pass


def run(deployment: Deployment, *, kill_after_write: int = 0) -> bool:
    """True if the process was killed; its lease is taken for run out."""
    process = multiprocessing.get_context("fork").Process(
        target=drain_until_killed, args=(deployment.settings, kill_after_write)
    )
    process.start()
    process.join(60)
    deployment.services.redis.delete(deployment.services.streams.key(0, "lease"))
    return process.exitcode == -signal.SIGKILL


def test_event_that_kills_its_worker_is_set_aside_alone(
    undrained: Deployment, fresh_name: str
) -> None:
    good = [message(fresh_name, n) for n in range(20)]
    append(undrained, 0, *good[:7], message(fresh_name, 99, "poison"), *good[7:])

    deaths = 0
    while run(undrained):
        deaths += 1

    assert deaths == 1 + ALONE  # with its batch, then alone
    assert texts(undrained, fresh_name) == [f"text {n}" for n in range(20)]
    (letter,) = dead(undrained)
    assert POISON in letter.event
    assert letter.error == "WorkerDied"
    assert letter.deliveries == ALONE + 1
    assert waiting(undrained, 0) == 0


def test_lone_event_is_set_aside_when_it_killed_twice(
    undrained: Deployment, fresh_name: str
) -> None:
    append(undrained, 0, message(fresh_name, 1, "poison"))

    deaths = 0
    while run(undrained):
        deaths += 1

    assert deaths == ALONE
    assert [letter.error for letter in dead(undrained)] == ["WorkerDied"]


def test_batch_whose_worker_died_by_chance_is_stored_whole(
    undrained: Deployment, fresh_name: str
) -> None:
    append(undrained, 0, *(message(fresh_name, n) for n in range(20)))

    for _ in range(2):
        assert run(undrained, kill_after_write=1)
    drain_all(undrained, 0)

    assert texts(undrained, fresh_name) == [f"text {n}" for n in range(20)]
    assert dead(undrained) == []
    assert waiting(undrained, 0) == 0

"""Whatever an item does to the step that holds it, it is set aside alone and what stands behind it goes on."""

import os
from collections.abc import Iterator

import pytest

from devtools.deployment import Deployment
from devtools.servers import wait_until
from tablestore_memory.protocol.events import Remember, encode
from tests.failures.hostile import KINDS
from tests.failures.ingesting import append, dead, idle_deployment, message, texts

BOUND_S = 30
SLOW = pytest.mark.skipif(not os.environ.get("MEMORY_ALL_FAULTS"), reason="takes two minutes")
ALL_TRIED_S = 240
"""For a busy machine: a worker starts anew for each item that kills it, and a process for each of the rest."""


@pytest.fixture
def hostile(redis_url: str, faulty_tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    """Isolation within half a minute, so that the test does not take a whole one."""
    soon = {"MEMORY_ISOLATE_S": str(BOUND_S), "MEMORY_EXTRACT_ATTEMPTS": "2"}
    deployment = idle_deployment(redis_url, faulty_tablestore_url, dashscope_url, **soon)
    yield deployment
    for worker in deployment.workers:
        worker.kill()


def start(
    deployment: Deployment, queue: str, steps: str, concurrency: int, pool: str = "prefork"
) -> None:
    """A worker of threads ends with what hurts it, so somebody has to start it anew."""
    deployment.environment["HOSTILE_STEPS"] = steps
    deployment.start_workers(
        queue,
        concurrency=concurrency,
        pool=pool,
        supervised=pool == "threads",
        app="tests.failures.hostile_worker",
    )


def start_extracting(deployment: Deployment, steps: str, pool: str) -> None:
    deployment.start_workers("ingest")
    start(deployment, "extract", steps, 4 if pool == "prefork" else 16, pool)


def test_event_that_hurts_its_drain_is_set_aside_and_those_behind_it_are_stored(
    hostile: Deployment, fresh_name: str
) -> None:
    for partition, kind in enumerate(KINDS):
        session = f"{fresh_name}-{partition}"
        append(
            hostile,
            partition,
            message(f"{session}-bad", 1, kind),
            *(message(session, number) for number in range(50)),
        )

    start(hostile, "ingest", "ingest", concurrency=len(KINDS))

    def all_stored() -> bool:
        return all(len(texts(hostile, f"{fresh_name}-{p}")) == 50 for p in range(len(KINDS)))

    wait_until(all_stored, "what stood behind is stored")
    letters = {letter.partition: letter for letter in dead(hostile)}
    assert sorted(letters) == list(range(len(KINDS)))
    for partition, kind in enumerate(KINDS):
        assert kind.encode() in letters[partition].event
        assert kind not in letters[partition].reason
    assert {letters[p].error for p in (1, 2)} == {"WorkerDied"}


@pytest.mark.timeout(2 * ALL_TRIED_S)
@pytest.mark.parametrize("pool", ["prefork", pytest.param("threads", marks=SLOW)])
def test_request_that_hurts_its_turn_is_set_aside_and_those_of_others_are_done(
    hostile: Deployment, fresh_name: str, pool: str
) -> None:
    kinds = [kind for kind in KINDS if "hang" not in kind]  # ended by the same limit as spinning
    for partition, kind in enumerate(kinds):
        append(hostile, partition, remember(f"{fresh_name}-bad", partition, kind))
        for number in range(5):
            append(hostile, partition, remember(f"{fresh_name}-{partition}", number, "I like tea."))

    start_extracting(hostile, "requests", pool)

    def all_remembered() -> bool:
        return all(hostile.texts(f"{fresh_name}-{p}") for p in range(len(kinds)))

    wait_until(all_remembered, "what others asked is done", ALL_TRIED_S)
    wait_until(lambda: len(dead(hostile)) == len(kinds), "all set aside", ALL_TRIED_S)
    assert not any(kind in letter.reason for letter in dead(hostile) for kind in KINDS)


def remember(user: str, number: int, text: str) -> bytes:
    return encode(
        Remember(
            event_id=f"{user}-{number}", user_id=user, created_at=1_700_000_000_000_000, text=text
        )
    )


@pytest.mark.timeout(2 * ALL_TRIED_S)
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_session_that_hurts_its_extraction_is_given_up_and_the_others_are_extracted(
    hostile: Deployment, fresh_name: str, pool: str
) -> None:
    kinds = [kind for kind in KINDS if "hang" not in kind and "spin" not in kind]
    for number, kind in enumerate(kinds):
        append(hostile, number, message(f"{fresh_name}-bad{number}", 1, kind))
        append(hostile, number, message(f"{fresh_name}-{number}", 1, "I like tea."))

    start_extracting(hostile, "extract", pool)

    def all_extracted() -> bool:
        return all(hostile.texts(f"{fresh_name}-{n}") for n in range(len(kinds)))

    wait_until(all_extracted, "the others are extracted", ALL_TRIED_S)
    wait_until(lambda: len(dead(hostile)) == len(kinds), "all given up", ALL_TRIED_S)
    assert {letter.queue for letter in dead(hostile)} == {"extract"}

"""Running workers: partitions come and go, causes that stop everything come and go, workers are told to
stop, and bad entries stand among good ones.
"""

import json
import signal
from collections.abc import Iterator

import pytest

from devtools.deployment import Deployment
from devtools.servers import Server, wait_until
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.operations.backlog import backlog
from tablestore_memory.worker.state.partitions import active_partitions
from tablestore_memory.worker.stores.tables import create_all
from tests.failures.ingesting import SHARED_TABLES, append, dead, message, texts, waiting


def nothing_left(deployment: Deployment) -> bool:
    return backlog(deployment.services.redis, deployment.services.streams).events == 0


@pytest.fixture(scope="module")
def running(redis_url: str, faulty_tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    """Two workers that think there are 4 partitions."""
    with Deployment(redis_url, faulty_tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        deployment.start_workers("ingest", "ingest")
        yield deployment


def test_partitions_are_drained_whatever_number_publishers_use(
    running: Deployment, fresh_name: str
) -> None:
    """A session's messages stand in their order, also while publishers disagree about the number."""
    numbers = (4, 40, 2, 40, 4)
    for turn, partitions in enumerate(numbers):
        partition = Streams(running.settings.prefix, partitions).partition(fresh_name)
        append(running, partition, *(message(fresh_name, 100 * turn + n) for n in range(100)))

    wait_until(lambda: nothing_left(running), "all partitions drained")

    assert texts(running, fresh_name) == [f"text {n}" for n in range(100 * len(numbers))]
    assert dead(running) == []


def test_new_partition_is_found_by_running_workers(running: Deployment, fresh_name: str) -> None:
    append(running, 77, message(fresh_name, 1))

    wait_until(lambda: texts(running, fresh_name) == ["text 1"], "the new partition drained")

    assert len(active_partitions(running.services.redis, running.services.streams)) == 78


def test_bad_entries_cost_only_themselves(running: Deployment, fresh_name: str) -> None:
    """500 malformed, hostile and oversized ones among 10,000 good ones, and no worker ends."""
    bad = [
        b"",
        b"not JSON",
        b"\xff\xfe\x00",
        b"[" * 10_000,
        b'{"type": "message"}',
        b'{"v": 99, "type": "message", "event_id": "e", "user_id": "u", "created_at": 1}',
        json.dumps({"type": "message", "user_id": "u" * 2_000}).encode(),
        b'{"type": "message", "content": "' + b"x" * 300_000 + b'"}',
        b'{"type": "message", "content": "\\ud800", "event_id": 1}',
        b'{"type": "forget", "user_id": null}',
    ]
    sessions = [f"{fresh_name}-{n}" for n in range(20)]
    before = [worker.process.pid for worker in running.workers]
    for block in range(50):
        for partition in range(4):
            good = [message(sessions[5 * partition + n % 5], 50 * block + n) for n in range(50)]
            append(running, partition, *good[:25], *bad[partition::4], *good[25:])

    wait_until(lambda: nothing_left(running), "everything settled")

    for session in sessions:
        assert len(texts(running, session)) == 500
    added = dead(running)
    assert len(added) == 500
    assert all(letter.reason and letter.error for letter in added)
    assert {letter.event for letter in added} == set(bad)
    assert [worker.process.pid for worker in running.workers] == before
    assert all(worker.process.poll() is None for worker in running.workers)


def test_worker_told_to_stop_under_load_ends_in_time_and_holds_nothing(
    redis_url: str, faulty_tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    with Deployment(redis_url, faulty_tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        (worker,) = deployment.start_workers("ingest")
        for partition in range(4):
            append(
                deployment,
                partition,
                *(message(f"{fresh_name}-{partition}", n) for n in range(1500)),
            )
        wait_until(lambda: waiting(deployment, 0) < 1500, "the drains begun")

        worker.process.send_signal(signal.SIGTERM)
        worker.process.wait(timeout=20)  # below the 30 s that supervisors allow

        left = sum(waiting(deployment, partition) for partition in range(4))
        leases = [deployment.services.streams.key(partition, "lease") for partition in range(4)]
        assert left > 0
        assert deployment.services.redis.exists(*leases) == 0
        deployment.start_workers("ingest")
        wait_until(lambda: nothing_left(deployment), "the rest stored")
        for partition in range(4):
            assert len(texts(deployment, f"{fresh_name}-{partition}")) == 1500


def test_queue_pauses_for_what_everybody_meets_and_goes_on_by_itself(
    redis_url: str, dashscope_url: str, tmp_path_factory: pytest.TempPathFactory, fresh_name: str
) -> None:
    """Tables that are missing, then a wrong key, then an unknown instance."""
    data = str(tmp_path_factory.mktemp("tablestore") / "rows.db")
    options = ("--data", data, "--index-lag", "0")
    with Server.start("tablestore", *options) as server:
        deployment = Deployment(redis_url, server.url, dashscope_url)
        try:
            deployment.start_workers("ingest", concurrency=1)
            append(deployment, 0, message(fresh_name, 0))
            assert "OTSObjectNotExist" in paused(deployment)
            create_all(deployment.services.tablestore, deployment.services.names, 256)
            wait_until(lambda: nothing_left(deployment), "the queue going on after init")

            for number, (option, reason) in enumerate(
                (("--access-key-secret", "OTSAuthFailed"), ("--instance", "OTSAuthFailed")), 1
            ):
                server.options = (*options, option, "other")
                server.restart()
                append(deployment, 0, message(fresh_name, number))
                assert reason in paused(deployment)
                assert waiting(deployment, 0) == 1
                server.options = options
                server.restart()
                wait_until(lambda: nothing_left(deployment), "the queue going on")

            assert texts(deployment, fresh_name) == ["text 0", "text 1", "text 2"]
            assert dead(deployment) == []
            assert deployment.workers[0].process.poll() is None
        finally:
            deployment.__exit__()


def paused(deployment: Deployment) -> str:
    """The reason of the pause of `ingest`, as `status` tells it."""
    (pause,) = wait_until(deployment.services.gate.paused, "the queue paused")
    assert pause["queue"] == "ingest"
    return pause["reason"]


def test_work_goes_on_when_the_watch_on_duty_ends(
    redis_url: str, faulty_tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    with Deployment(redis_url, faulty_tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        workers = deployment.start_workers("ingest", "ingest", concurrency=1)
        for number, worker in enumerate(workers[:1]):
            worker.kill()
            append(deployment, 0, message(fresh_name, number))

            wait_until(lambda: nothing_left(deployment), "drained by the other worker")

        assert texts(deployment, fresh_name) == ["text 0"]

"""The same work on a Redis Cluster, and over a failover that Sentinel makes."""

import json
from pathlib import Path

from devtools.commands import memory_worker
from devtools.deployment import Deployment
from devtools.servers import wait_until
from devtools.steady import Steady, spoken
from tablestore_memory.worker.operations.backlog import backlog
from tests.failures.ingesting import SHARED_TABLES
from tests.redis_nodes import Node, cluster, watched_by_sentinels


def nothing_left(deployment: Deployment) -> bool:
    return backlog(deployment.services.redis, deployment.services.streams).events == 0


def stored(deployment: Deployment, session: str) -> list[str]:
    return [said.text for said in deployment.services.sessions.messages(session, session)]


def test_cluster_of_three_nodes_holds_the_partitions(
    redis_url: str, faulty_tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    """Celery's own messages stand on another Redis: it knows no cluster."""
    sessions = [f"{fresh_name}-{n}" for n in range(30)]
    with (
        cluster() as url,
        Deployment(
            url,
            faulty_tablestore_url,
            dashscope_url,
            MEMORY_BROKER_URL=redis_url,
            MEMORY_PARTITIONS="12",
            **SHARED_TABLES,
        ) as deployment,
    ):
        deployment.start_workers("ingest")

        deployment.publish(
            *(
                {
                    "type": "message",
                    "user_id": session,
                    "session_id": session,
                    "role": "user",
                    "content": spoken(session, number),
                }
                for number in range(40)
                for session in sessions
            )
        )
        wait_until(lambda: nothing_left(deployment), "all stored")

        for session in sessions:
            assert stored(deployment, session) == [spoken(session, n) for n in range(40)]
        told = deployment.command("doctor", "--json").stdout
        found = [f["what"] for f in json.loads(told) if f["what"].endswith("eviction")]
        assert len(found) == 3


def test_failover_by_sentinel_loses_nothing_that_was_replicated(
    faulty_tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    sessions = [f"{fresh_name}-{n}" for n in range(10)]
    with (
        watched_by_sentinels() as redis,
        Deployment(redis.url, faulty_tablestore_url, dashscope_url, **SHARED_TABLES) as deployment,
    ):
        deployment.start_workers("ingest")
        steady = Steady(deployment, 200, sessions)
        steady.start()
        wait_until(lambda: steady.published > 300, "some of it published")
        steady.stop()
        redis.wait_replicated()

        redis.primary.kill()
        wait_until(redis.promoted, "the replica promoted")
        after = Steady(deployment, 200, sessions, dict(steady.counts))
        after.start()
        wait_until(lambda: after.published > steady.published + 300, "more of it published")
        after.stop()
        wait_until(lambda: nothing_left(deployment), "all stored")

        assert steady.delivered and after.delivered
        for session, count in after.counts.items():
            assert stored(deployment, session) == [spoken(session, n) for n in range(count)]


def test_socket_of_this_machine_serves_publishers_workers_and_celery(
    tmp_path: Path, faulty_tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    socket = tmp_path / "redis.sock"
    node = Node(tmp_path, config=f"unixsocket {socket}\n")
    with Deployment(
        f"unix://{socket}?db=3", faulty_tablestore_url, dashscope_url, **SHARED_TABLES
    ) as deployment:
        deployment.start_workers()
        said = {"type": "message", "user_id": fresh_name, "session_id": fresh_name}

        deployment.publish(
            said | {"role": "user", "content": "I am allergic to peanuts."},
            {"type": "session_end", "user_id": fresh_name, "session_id": fresh_name},
        )
        deployment.wait()

        assert any("peanuts" in text for text in deployment.texts(fresh_name))
        assert deployment.command("status", "--json").returncode == 0
        assert node.client.dbsize() == 0  # all of it stands in the database that was named
    node.kill()


def test_cluster_without_a_broker_of_its_own_is_refused(redis_url: str) -> None:
    environment = {
        "REDIS_URL": "redis+cluster://127.0.0.1:1",
        "TABLESTORE_ENDPOINT": "http://127.0.0.1:9",
        "TABLESTORE_INSTANCE_NAME": "local",
        "TABLESTORE_ACCESS_KEY_ID": "local",
        "TABLESTORE_ACCESS_KEY_SECRET": "local",
        "DASHSCOPE_API_KEY": "local",
    }

    answer = memory_worker(environment, "sessions", "u")

    assert answer.returncode == 2
    assert b"MEMORY_BROKER_URL" in answer.stderr

"""Workers as Celery starts them: which queues they consume, and what may stand in Celery's own lists."""

import json
import platform
import sys

from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import wait_until
from tests.failures.ingesting import SHARED_TABLES

UNREADABLE = [
    b"not JSON",
    b"\xff\xfe",
    b"42",
    b"[]",
    b"null",
    b"{}",
    b'{"properties": {}}',
    b'{"properties": {"delivery_tag": "x", "body_encoding": "base64"}, "body": "%"}',
    b'{"properties": {"delivery_tag": "y", "delivery_info": {}}, "headers": {}, "body": "x"}',
]


def test_worker_without_queues_named_consumes_all_of_them(
    redis_url: str, tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    with Deployment(redis_url, tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        (worker,) = deployment.start_workers("")

        deployment.publish(
            said(fresh_name, fresh_name, 1, "I like tea."),
            {"type": "session_end", "user_id": fresh_name, "session_id": fresh_name},
        )
        deployment.wait()

        assert len(deployment.texts(fresh_name)) == 1
        first = next(json.loads(line) for line in worker.output.splitlines() if line[:1] == "{")
        home = sys.version_info[:2] == (3, 12) and platform.machine() == "x86_64"
        native = home and sys.platform == "linux"
        assert (first["event"], first["native_codec"]) == ("worker.starting", native)


def test_what_is_no_message_in_celerys_list_is_said_and_no_worker_ends(
    redis_url: str, tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    with Deployment(redis_url, tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        (worker,) = deployment.start_workers("ingest", concurrency=1)
        redis, prefix = deployment.services.redis, deployment.settings.prefix

        redis.lpush(f"{prefix}:celery:ingest", *UNREADABLE)
        wait_until(lambda: not redis.exists(f"{prefix}:celery:ingest"), "the list read")
        deployment.publish(said(fresh_name, fresh_name, 1, "I like tea."))
        sessions = deployment.services.sessions
        wait_until(lambda: list(sessions.messages(fresh_name, fresh_name)), "the message stored")

        assert worker.running
        lines = [json.loads(line) for line in worker.output.splitlines() if line[:1] == "{"]
        said_so = [line for line in lines if line["event"] == "message.unreadable"]
        assert len(said_so) >= len(UNREADABLE) - 1  # Celery refuses the last one by itself
        assert "Unrecoverable" not in worker.output

"""`memory-worker` as a person and a script meet it: answers, wrong input, services that are away."""

import json
from pathlib import Path
from typing import cast

import pytest

from devtools.commands import memory_worker
from devtools.deployment import Deployment
from tablestore_memory.producer import Publisher
from tablestore_memory.protocol.events import decode
from tablestore_memory.protocol.streams import Streams
from tests.failures.ingesting import SHARED_TABLES

GOOD = {
    "type": "message",
    "user_id": "u",
    "session_id": "s",
    "role": "user",
    "content": "Good morning.",
}
NOBODY = "127.0.0.1:9"  # the discard port: nothing listens


@pytest.fixture(scope="module")
def idle(redis_url: str, tablestore_url: str, dashscope_url: str) -> Deployment:
    """A deployment without workers: what is published stays in the streams."""
    with Deployment(redis_url, tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        return deployment


def events_waiting(deployment: Deployment) -> int:
    answer = json.loads(deployment.command("status", "--json").stdout)
    return int(answer["events"])


def test_bad_lines_are_named_by_number_and_the_good_ones_published(idle: Deployment) -> None:
    before = events_waiting(idle)
    lines = [
        json.dumps(GOOD),
        "not JSON",
        json.dumps({k: v for k, v in GOOD.items() if k != "session_id"}),
        json.dumps(GOOD | {"type": "shout"}),
        json.dumps(GOOD | {"content": "x" * 300_000}),
        json.dumps(GOOD | {"content": [{"type": "text", "text": 5}]}),
        json.dumps(GOOD | {"content": "half a pair, which is mended: \ud83d"}),
        json.dumps(GOOD | {"created_at": "2023-05-08T13:00:00"}),
        json.dumps(GOOD),
    ]

    answer = idle.command("publish", "-", stdin="\n".join(lines).encode())

    said = answer.stderr.decode().splitlines()
    assert answer.returncode == 2
    assert [line.split(":")[0] for line in said[:-1]] == [f"line {n}" for n in (2, 3, 4, 5, 6, 8)]
    for line, reason in zip(
        said, ("not JSON", "session_id", "type", "bytes", "text", "time zone"), strict=False
    ):
        assert reason in line
    assert "Traceback" not in answer.stderr.decode()
    assert "published 3 events, skipped 6 bad lines" in said[-1]
    assert events_waiting(idle) == before + 3


def test_events_that_redis_refused_are_put_back(
    redis_url: str, tablestore_url: str, dashscope_url: str, tmp_path: Path
) -> None:
    deployment = Deployment(
        redis_url, tablestore_url, dashscope_url, MEMORY_JOURNAL_DIR=str(tmp_path / "journal")
    )
    streams = Streams(deployment.settings.prefix, deployment.settings.partitions)
    key = streams.events(streams.partition("s"))
    deployment.services.redis.set(key, "not a stream")
    options = {"prefix": deployment.settings.prefix, "partitions": deployment.settings.partitions}
    with Publisher(redis_url, journal_dir=str(tmp_path / "journal"), **options) as publisher:  # type: ignore[arg-type]
        ids = {publisher.publish(GOOD) for _ in range(3)}
        assert publisher.flush(20)
        assert publisher.stats().dropped == {"rejected": 3}

    refused = deployment.command("publish", "--dead-letters", "--json")
    deployment.services.redis.delete(key)
    answer = deployment.command("publish", "--dead-letters", "--json")
    again = deployment.command("publish", "--dead-letters")

    assert json.loads(refused.stdout) == {"published": 0, "refused": 3, "no_events": 0}
    assert json.loads(answer.stdout) == {"published": 3, "refused": 0, "no_events": 0}
    assert "published 0 events" in again.stderr.decode()
    found = deployment.services.redis.xrange(key)
    entries = cast(list[tuple[bytes, dict[bytes, bytes]]], found)
    assert {decode(fields[b"event"]).event_id for _, fields in entries} == ids


def test_all_wrong_settings_are_named_in_one_message(idle: Deployment) -> None:
    broken = {
        "TABLESTORE_ENDPOINT": "not an address",
        "MEMORY_PARTITIONS": "none",
        "MEMORY_IDLE_S": "-1",
        "TABLESTORE_INSTANCE_NAME": "",
        "TABLESTORE_ACCESS_KEY_ID": "",
        "TABLESTORE_ACCESS_KEY_SECRET": "do-not-print",
        "DASHSCOPE_API_KEY": "",
    }

    answer = memory_worker(broken, "sessions", "u")

    said = answer.stderr.decode()
    assert answer.returncode == 2
    for name in set(broken) - {"TABLESTORE_ACCESS_KEY_SECRET"}:
        assert name in said
    assert "do-not-print" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("variables", "command", "wanted"),
    [
        ({"REDIS_URL": f"redis://:hush@{NOBODY}/0"}, ("status",), ("Redis", NOBODY, "REDIS_URL")),
        (
            {"REDIS_URL": f"redis://:hush@{NOBODY}/0"},
            ("publish", "-"),
            ("Redis", NOBODY, "REDIS_URL"),
        ),
        (
            {"TABLESTORE_ENDPOINT": f"http://{NOBODY}"},
            ("sessions", "u"),
            ("Tablestore", NOBODY, "TABLESTORE_ENDPOINT"),
        ),
        (
            {"TABLESTORE_ACCESS_KEY_SECRET": "wrong"},
            ("sessions", "u"),
            ("Tablestore", "OTSAuthFailed", "access key"),
        ),
        ({"MEMORY_SESSION_TABLE": "nowhere"}, ("sessions", "u"), ("Tablestore", "init")),
        (
            {"DASHSCOPE_HTTP_BASE_URL": f"http://{NOBODY}/api/v1"},
            ("search", "u", "anything"),
            ("Qwen", NOBODY, "DASHSCOPE_HTTP_BASE_URL"),
        ),
        ({"DASHSCOPE_API_KEY": "wrong"}, ("search", "u", "tea"), ("Qwen", "InvalidApiKey")),
    ],
)
def test_service_that_fails_is_named_with_its_address_and_what_to_do(
    idle: Deployment,
    variables: dict[str, str],
    command: tuple[str, ...],
    wanted: tuple[str, ...],
) -> None:
    answer = memory_worker(idle.environment | variables, *command, stdin=json.dumps(GOOD).encode())

    said = answer.stderr.decode()
    assert answer.returncode == 3, said
    for words in wanted:
        assert words in said
    assert "hush" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "command",
    [
        ("sessions", "nobody"),
        ("messages", "nobody", "nowhere"),
        ("memories", "nobody"),
        ("search", "nobody", "tea"),
        ("history", "nobody"),
    ],
    ids=lambda command: command[0],
)
def test_nothing_found_is_said_and_is_no_failure(
    idle: Deployment, command: tuple[str, ...]
) -> None:
    for_people = idle.command(*command)
    for_machines = idle.command(*command, "--json")

    assert for_people.returncode == for_machines.returncode == 0, for_people.stderr
    assert b"no" in for_people.stdout
    assert json.loads(for_machines.stdout) == []


def test_wait_gives_up_naming_what_is_left_and_what_is_missing(idle: Deployment) -> None:
    idle.publish(GOOD)

    answer = idle.command("wait", "--timeout", "1")

    said = answer.stderr.decode()
    assert answer.returncode == 4
    assert "events" in said
    assert "no worker is running" in said


def test_init_can_be_repeated(idle: Deployment) -> None:
    answer = idle.command("init", "--json")

    assert answer.returncode == 0
    assert json.loads(answer.stdout) == {"created": []}


def test_status_tells_what_publishers_had_to_drop(idle: Deployment) -> None:
    key = idle.services.streams.dropped
    idle.services.redis.hset(key, mapping={"host:1:queue_full": 3, "host:2:queue_full": 2})

    answer = json.loads(idle.command("status", "--json").stdout)
    for_people = idle.command("status").stdout.decode()

    assert answer["dropped"] == {"queue_full": 5}
    assert "queue_full" in for_people

"""Looking after a deployment from the command line: what went wrong, what is wrong, what was stored."""

import json
from typing import Any

import pytest

from devtools.commands import memory_worker
from devtools.deployment import Deployment
from devtools.servers import wait_until
from tablestore_memory.protocol.events import Forget, encode
from tablestore_memory.worker.state.lease import Lease
from tests.answers import answer
from tests.failures.ingesting import (
    SHARED_TABLES,
    append,
    drain_all,
    idle_deployment,
    malformed,
    message,
    texts,
)

SECRET = "my key is sk-0123456789abcdef"


@pytest.fixture
def idle(redis_url: str, tablestore_url: str, dashscope_url: str) -> Deployment:
    """A deployment without workers, with its own prefix; drains run in the test."""
    return idle_deployment(redis_url, tablestore_url, dashscope_url)


def test_dead_letter_is_listed_shown_retried_and_discarded(
    idle: Deployment, fresh_name: str
) -> None:
    bad = malformed(fresh_name, 2, SECRET)
    append(idle, 0, message(fresh_name, 1), bad, b'{"type": "shout"')
    drain_all(idle, 0)

    refused, cut_off = answer(idle, "dead", "list")
    shown = answer(idle, "dead", "show", refused["name"])
    full = answer(idle, "dead", "show", refused["name"], "--text")
    retried = answer(idle, "dead", "retry", refused["name"])
    left = idle.services.ingest.drain(0)
    (again,) = [one for one in answer(idle, "dead", "list") if "session_id" in one]
    discarded = answer(idle, "dead", "discard", "--all", "--yes")

    assert refused["error"] == cut_off["error"] == "MalformedEvent"
    assert "session_id" not in cut_off
    assert refused["session_id"] == fresh_name
    assert refused["dead_lettered_at"]
    assert refused["deliveries"] == 1
    assert SECRET not in json.dumps([refused, shown])
    assert SECRET in full["event"]
    assert (retried, left) == ({"retried": 1, "unknown": []}, 0)
    assert again["name"] != refused["name"]
    assert discarded["discarded"] == 2
    assert answer(idle, "dead", "list") == []


def test_unknown_dead_letter_is_said(idle: Deployment) -> None:
    shown = idle.command("dead", "show", "0:1-1")
    retried = idle.command("dead", "retry")

    assert (shown.returncode, retried.returncode) == (2, 2)
    assert b"0:1-1" in shown.stderr
    assert b"--all" in retried.stderr


def test_name_that_is_nearly_one_names_no_dead_letter(idle: Deployment) -> None:
    idle.services.dead.add(0, event=b"-", reason="malformed", queue="ingest")
    (letter,) = idle.services.dead.all()
    half = letter.name.partition("-")[0]
    nearly = [half, f"{half}-", f"{letter.name}-0", f"0:-{letter.dead_id}"]
    nearly += [f"0:{2**64}-0", f"0:0-{2**64}", f"٠:{letter.dead_id}", f"-0:{letter.dead_id}", ":"]

    found = [idle.services.dead.get(name) for name in nearly]
    shown = idle.command("dead", "show", nearly[2])

    assert found == [None] * len(nearly)
    assert shown.returncode == 2
    assert f"no dead letter {nearly[2]};" in shown.stderr.decode()


def test_replay_leaves_the_rows_as_they_are(idle: Deployment, fresh_name: str) -> None:
    events = [
        message(fresh_name, 1, "plain", name="Ana", metadata={"channel": "web"}),
        message(fresh_name, 2, '{"looks": "like JSON"}', fields={"usage": {"tokens": 3}}),
        message(fresh_name, 3, "42", fields={"code": "7", "done": True}),
    ]
    append(idle, 0, *events)
    drain_all(idle, 0)
    before = rows(idle, fresh_name)

    told = answer(idle, "replay", "--since", "2023-11-14", "--user", fresh_name)
    partition = next(p for p in range(4) if idle.services.redis.xlen(f"{events_key(idle, p)}"))
    drain_all(idle, partition)

    assert told == {"sessions": 1, "published": 3, "left_alone": 0}
    assert without_receipt(rows(idle, fresh_name)) == without_receipt(before)
    assert receipts(rows(idle, fresh_name)) > receipts(before)
    assert len(before) == 3


def events_key(deployment: Deployment, partition: int) -> str:
    return deployment.services.streams.events(partition)


def rows(deployment: Deployment, session: str) -> list[Any]:
    """The session's rows as they stand in the table, without the stamps of their cells."""
    key = [("session_id", session), ("create_time", 0), ("message_id", "")]
    end = [("session_id", session), ("create_time", 2**60), ("message_id", "")]
    _, _, found, _ = deployment.services.tablestore.get_range(
        deployment.services.names.message, "FORWARD", key, end, max_version=1
    )
    return [(row.primary_key, [column[:2] for column in row.attribute_columns]) for row in found]


def test_doctor_names_what_is_in_the_way(idle: Deployment) -> None:
    done = idle.command("doctor", "--json")

    found = {finding["what"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 3  # no worker runs, and the shared Redis keeps nothing on disk
    assert found["workers"]["level"] == "fail"
    assert found["Redis persistence"]["level"] == "warn"
    assert found["Redis eviction"]["level"] == "ok"
    assert found["clocks"]["level"] == "ok"
    assert found["index dimension"]["level"] == "ok"
    assert found["model text-embedding-v4"]["level"] == "ok"
    assert all(
        f["level"] == "ok" for what, f in found.items() if what.startswith(("table", "index"))
    )


def test_doctor_tells_dimension_tables_and_keys_that_do_not_fit(idle: Deployment) -> None:
    broken = {
        "MEMORY_EMBEDDING_DIMENSION": "512",
        "MEMORY_HISTORY_TABLE": "nowhere",
        "DASHSCOPE_API_KEY": "wrong",
    }

    done = memory_worker(idle.environment | broken, "doctor")

    said = done.stdout.decode()
    assert done.returncode == 3
    assert "fail  index dimension: [256]" in said
    assert "fail  table nowhere: is missing: run `memory-worker init`" in said
    assert "InvalidApiKey" in said
    assert "Traceback" not in done.stderr.decode()


def without_receipt(found: list[Any]) -> list[Any]:
    return [(key, [c for c in columns if c[0] != "received_ms"]) for key, columns in found]


def receipts(found: list[Any]) -> list[int]:
    return [dict(columns)["received_ms"] for _, columns in found]


def test_forget_takes_what_is_stored_on_its_way_and_set_aside(
    idle: Deployment, fresh_name: str
) -> None:
    other = f"{fresh_name}-other"
    append(idle, 0, message(fresh_name, 1), malformed(fresh_name, 2))
    drain_all(idle, 0)
    append(idle, 3, message(fresh_name, 3), message(other, 1))
    append(idle, 2, message(fresh_name, 4))
    asked = Forget(event_id="f", user_id=fresh_name, created_at=message(fresh_name, 9).created_at)

    append(idle, 1, encode(asked))
    drain_all(idle, 1)
    wait_until(lambda: idle.services.requests.process(1), "the request done")

    for partition in (2, 3):
        drain_all(idle, partition)
    receipt = idle.services.deletion_receipts.finished("f")
    assert receipt is not None and receipt["verified"] is True
    assert [receipt[place] for place in ("events", "dead_letters", "messages")] == [2, 1, 1]
    assert texts(idle, fresh_name) == []
    assert idle.services.sessions.of_user(fresh_name) == []
    assert answer(idle, "dead", "list") == []
    assert texts(idle, other) == ["text 1"]


def test_forget_waits_for_a_drain_that_may_hold_some_of_it(
    idle: Deployment, fresh_name: str
) -> None:
    append(idle, 3, message(fresh_name, 1))
    asked = Forget(event_id="f", user_id=fresh_name, created_at=message(fresh_name, 9).created_at)
    append(idle, 1, encode(asked))
    drain_all(idle, 1)

    with Lease(idle.services.redis, idle.services.streams.key(3, "lease")):
        done_meanwhile = idle.services.requests.process(1)
    drain_all(idle, 3)
    wait_until(lambda: idle.services.requests.process(1), "the request done")

    assert done_meanwhile == 0
    assert texts(idle, fresh_name) == []


def test_extraction_that_was_given_up_is_due_again_after_retry(
    idle: Deployment, fresh_name: str
) -> None:
    append(idle, 0, message(fresh_name, 1), message(fresh_name, 2))
    drain_all(idle, 0)
    services = idle.services
    services.due.begin(fresh_name, fresh_name)
    services.due.settle(fresh_name, fresh_name)
    about = {"user_id": fresh_name, "session_id": fresh_name, "message_ids": [f"{fresh_name}-2"]}
    services.dead.add(5, event=json.dumps(about).encode(), reason="no answer", queue="extract")

    told = answer(idle, "dead", "retry", "--all")

    again = services.due.begin(fresh_name, fresh_name)
    assert told["retried"] == 1
    assert again is not None
    assert again.from_us == message(fresh_name, 2).created_at
    assert services.dead.count() == 0


def test_extraction_that_does_not_say_what_it_is_about_is_said_and_the_rest_is_retried(
    idle: Deployment, fresh_name: str
) -> None:
    dead = idle.services.dead
    about = {"user_id": fresh_name, "session_id": fresh_name}
    for event in (b"-", b'{"user_id": "ana"}', b'"\xff"', json.dumps(about).encode()):
        dead.add(5, event=event, reason="no answer", queue="extract")
    before = [letter.name for letter in dead.all()]

    done = idle.command("dead", "retry", "--all", "--json")

    assert (done.returncode, json.loads(done.stdout)["retried"]) == (2, 1)
    assert [letter.name for letter in dead.all()] == before[:3]
    for name in before[:3]:
        assert f"dead letter {name} does not say of which messages it is" in done.stderr.decode()


def test_running_workers_forget_and_tell_the_counts_and_doctor_sees_them(
    redis_url: str, tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    with Deployment(redis_url, tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        deployment.start_workers(concurrency=1)
        append(deployment, 0, message(fresh_name, 1), message(fresh_name, 2))
        wait_until(lambda: len(texts(deployment, fresh_name)) == 2, "both stored")

        counts = answer(deployment, "forget", fresh_name, "--wait", "60", "--yes")
        done = deployment.command("doctor")

        assert (counts["messages"], counts["sessions"]) == (2, 1)
        assert done.returncode == 0, done.stdout.decode()

"""A person who corrects, deletes and takes along what is remembered: over real workers and a lagging index."""

import json

import pytest

from devtools.commands import memory_worker
from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import wait_until
from tablestore_memory.recall import Recall
from tablestore_memory.worker.operations.kept import id_after, kept_memory, page_of_memories
from tests.answers import answer
from tests.stories.test_memory import over

NOBODY = "127.0.0.1:9"  # the discard port: nothing listens


def told(deployment: Deployment, user: str, *texts: str) -> None:
    """Ana says all of it in one session, and it is remembered."""
    session = f"{user}-s"
    lines = [said(user, session, n, text, name="Ana") for n, text in enumerate(texts)]
    deployment.publish(*lines, over(user, session))
    deployment.wait()


def found(deployment: Deployment, user: str, query: str) -> list[str]:
    return [each["text"] for each in answer(deployment, "search", user, query, "--limit", "9")]


def test_corrected_memory_is_found_and_the_old_text_stands_in_the_history_alone(
    deployment: Deployment, fresh_name: str
) -> None:
    user = fresh_name
    told(deployment, user, "I live in Paris.", "I like chess.")
    (paris,) = [m for m in deployment.memories(user) if "Paris" in m.text]

    edited = answer(
        deployment, "edit", user, paris.document_id, "--text", "Ana lives in Lyon", "--kind", "fact"
    )
    deployment.wait()

    assert edited["memory_id"] == id_after(paris, "Ana lives in Lyon")
    wait_until(lambda: "Ana lives in Lyon" in found(deployment, user, "Where does Ana live?"), "it")
    wait_until(lambda: "Ana lives in Paris" not in deployment.texts(user), "the index caught up")
    with Recall.from_env(deployment.environment) as recall:
        facts = {each.text for each in recall(user_id=user, query="Where do I live?").memories}
    assert facts == {"Ana lives in Lyon", "Ana likes chess"}
    (was, now) = answer(deployment, "history", user)
    assert (was["text"], was["new_text"]) == ("Ana lives in Paris", "Ana lives in Lyon")
    assert (was["by_hand"], was["reason"]) == (True, "corrected by hand")
    assert now["sources"][0]["quote"] == "I live in Paris."
    kept = kept_memory(deployment.services, user, paris.document_id)
    assert kept is not None
    assert kept.memory.document_id == edited["memory_id"]
    assert [each.text for each in kept.history] == ["Ana lives in Paris"]
    assert [each.text for each in kept.evidence] == ["I live in Paris."]


def test_deleted_memory_is_gone_and_stays_so_when_its_session_is_extracted_again(
    deployment: Deployment, fresh_name: str
) -> None:
    user = fresh_name
    told(deployment, user, "I live in Paris.", "I like chess.")
    (paris,) = [m for m in deployment.memories(user) if "Paris" in m.text]

    answer(deployment, "delete", user, paris.document_id, "--yes")
    deployment.wait()
    answer(deployment, "extract", user, "--again")
    deployment.wait()

    wait_until(lambda: deployment.texts(user) == ["Ana likes chess"], "only chess is found")
    assert found(deployment, user, "Where does Ana live?") == ["Ana likes chess"]
    assert b"lives in Paris" not in deployment.command("history", user, "--json").stdout
    assert b"lives in Paris" not in deployment.command("export", user).stdout
    assert kept_memory(deployment.services, user, paris.document_id) is None


def test_export_is_all_there_is_and_can_be_published_again(
    deployment: Deployment, fresh_name: str
) -> None:
    user = fresh_name
    told(deployment, user, "I live in Paris.", "I live in Lyon.")

    lines = deployment.command("export", user).stdout.decode().splitlines()

    first, *records, last = (json.loads(line) for line in lines)
    kinds = [record.pop("record") for record in records]
    assert (first["record"], first["version"], first["user_id"]) == ("export", 1, user)
    assert kinds == ["session", "message", "message", "memory", "history"]
    assert last == {"record": "end", "session": 1, "message": 2, "memory": 1, "history": 1}
    said_then = [record["event"]["content"][0]["text"] for record in records[1:3]]
    assert said_then == ["I live in Paris.", "I live in Lyon."]
    assert records[3] == answer(deployment, "memories", user)[0]
    assert records[4] == answer(deployment, "history", user)[0]
    events = "\n".join(json.dumps(record["event"]) for record in records[1:3])
    published = deployment.command("publish", "-", "--json", stdin=events.encode())
    assert json.loads(published.stdout) == {"published": 2, "bad_lines": 0}


def test_memories_come_page_by_page_each_once(deployment: Deployment, fresh_name: str) -> None:
    texts = [f"I like tea number {n}." for n in range(5)]
    told(deployment, fresh_name, *texts)

    pages = [page_of_memories(deployment.services, fresh_name, limit=2)]
    while pages[-1].next:
        pages.append(
            page_of_memories(deployment.services, fresh_name, limit=2, after=pages[-1].next)
        )

    listed = [memory.text for page in pages for memory in page.memories]
    assert sorted(listed) == [f"Ana likes tea number {n}" for n in range(5)]
    for wrong in ("no token!", "AAAA"):
        with pytest.raises(ValueError, match="after"):
            page_of_memories(deployment.services, fresh_name, after=wrong)
    with pytest.raises(ValueError, match="limit"):
        page_of_memories(deployment.services, fresh_name, limit=101)


@pytest.mark.parametrize(
    ("command", "code", "wanted"),
    [
        (("edit", "USER", "nothing", "--text", "Tea."), 2, "no memory nothing of user"),
        (("delete", "USER", "nothing", "--yes"), 2, "no memory nothing of user"),
        (("delete", "other", "MEMORY", "--yes"), 2, "of user other"),
        (("delete", "USER", "MEMORY"), 2, "say --yes"),
        (("edit", "USER", "MEMORY", "--kind", "mood"), 2, "kind: must be one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_one_line_and_changes_nothing(
    deployment: Deployment,
    likes_tea: tuple[str, str],
    command: tuple[str, ...],
    code: int,
    wanted: str,
) -> None:
    user, memory = likes_tea
    named = {"USER": user, "MEMORY": memory}

    done = deployment.command(*(named.get(word, word) for word in command))

    assert done.returncode == code
    (line,) = done.stderr.decode().splitlines()
    assert wanted in line
    assert deployment.texts(user) == ["Ana likes tea"]


@pytest.fixture(scope="module")
def likes_tea(deployment: Deployment) -> tuple[str, str]:
    """A user, and the id of the one memory of them."""
    told(deployment, "likes-tea", "I like tea.")
    (memory,) = deployment.memories("likes-tea")
    return memory.user_id, memory.document_id


@pytest.mark.parametrize("command", ["edit", "delete", "export"])
def test_service_that_is_away_is_named(
    deployment: Deployment, likes_tea: tuple[str, str], command: str
) -> None:
    away = deployment.environment | {"TABLESTORE_ENDPOINT": f"http://{NOBODY}"}

    done = memory_worker(away, command, *likes_tea[: 1 if command == "export" else 2])

    assert done.returncode == 3
    assert "TABLESTORE_ENDPOINT" in done.stderr.decode()


def test_what_was_done_by_hand_is_audited(
    deployment: Deployment, likes_tea: tuple[str, str]
) -> None:
    user, memory = likes_tea
    deployment.command("export", user)
    deployment.command("edit", user, memory)
    deployment.command("delete", user, memory)

    def noted() -> set[str]:
        return {each["command"] for each in answer(deployment, "audit", "--user", user)}

    wait_until(lambda: {"export", "edit", "delete"} <= noted(), "the audit has all three")

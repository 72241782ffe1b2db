"""What a recall gives while something is away, slow or wrong: the rest, in time, and what is missing."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from devtools.deployment import Deployment
from devtools.extraction import confirm_all, extract_all, said, store
from devtools.faults import Faults
from devtools.servers import Server, wait_until
from tablestore_memory.recall import LATE, NOT_CONFIGURED, Missing, Recall, Recalled

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens
EVERY_PART_OF_THE_STORE = {"memories.vector", "memories.words", "turns.words", "turns.fresh"}
PATIENT_S = 20.0


@pytest.fixture(scope="module")
def told(shared: Deployment) -> Deployment:
    """A deployment that knows where Ana lives, and that she has said something since."""
    store(shared, said("ana", "s1", 1, "I live in Paris."))
    extract_all(shared)
    wait_until(lambda: not confirm_all(shared), "searchable")
    store(shared, said("ana", "s1", 2, "The spare key lies under the flower pot."))
    return shared


def recall_in(deployment: Deployment, **variables: str) -> Recall:
    return Recall.from_env(deployment.environment | variables)


def asked(
    recall: Recall, deadline_s: float = PATIENT_S, query: str = "Who lives in Paris?"
) -> Recalled:
    return recall(user_id="ana", query=query, deadline_s=deadline_s)


def reasons(found: Recalled) -> dict[str, str]:
    return {part.part: part.reason for part in found.missing}


def test_store_that_is_away_gives_an_empty_answer_that_says_so(told: Deployment) -> None:
    with recall_in(told, TABLESTORE_ENDPOINT=NOBODY) as recall:
        found = asked(recall)

    assert (found.text, found.memories, found.turns) == ("", (), ())
    assert reasons(found) == dict.fromkeys(EVERY_PART_OF_THE_STORE, "Unavailable")


def test_wrong_key_of_the_store_is_told_by_its_class(told: Deployment) -> None:
    with recall_in(told, TABLESTORE_ACCESS_KEY_SECRET="wrong") as recall:
        found = asked(recall)

    assert set(reasons(found).values()) == {"BadCredentials"}


def test_model_that_is_away_leaves_what_words_find(told: Deployment) -> None:
    with recall_in(told, DASHSCOPE_HTTP_BASE_URL=f"{NOBODY}/api/v1") as recall:
        found = asked(recall)

    assert reasons(found) == {"memories.vector": "Unavailable"}
    assert "Paris" in found.memories[0].text
    assert "memories.words" in found.memories[0].scores


def test_key_that_the_model_refuses_is_told_by_its_class(told: Deployment) -> None:
    with recall_in(told, DASHSCOPE_API_KEY="wrong") as recall:
        assert reasons(asked(recall)) == {"memories.vector": "BadCredentials"}


def test_redis_that_is_away_costs_only_what_the_index_does_not_show(told: Deployment) -> None:
    with recall_in(told, REDIS_URL="redis://127.0.0.1:9/0") as recall:
        found = asked(recall)

    assert reasons(found) == {"memories.fresh": "Unavailable"}
    assert "Paris" in found.memories[0].text
    assert "spare key" in found.text


def test_what_is_not_configured_is_missing_and_nothing_else(told: Deployment) -> None:
    with recall_in(told, REDIS_URL="", DASHSCOPE_API_KEY="") as recall:
        found = asked(recall)

    assert set(found.missing) == {
        Missing("memories.fresh", NOT_CONFIGURED),
        Missing("memories.vector", NOT_CONFIGURED),
    }
    assert "Paris" in found.memories[0].text


def test_nothing_found_is_not_the_same_as_failed(told: Deployment) -> None:
    with recall_in(told) as recall:
        found = recall(user_id="nobody", query="Where do I live?", deadline_s=PATIENT_S)

    assert (found.text, found.missing) == ("", ())


def test_index_of_messages_that_was_not_made_costs_the_words_of_turns(told: Deployment) -> None:
    tables = {"MEMORY_MESSAGE_TABLE": told.environment["MEMORY_HISTORY_TABLE"]}

    with recall_in(told, **tables) as recall:
        found = asked(recall)

    assert reasons(found)["turns.words"] == "ResourceMissing"
    assert "Paris" in found.memories[0].text


@pytest.fixture(scope="module")
def slow(redis_url: str) -> Iterator[tuple[Deployment, Faults, Faults]]:
    """A deployment of its own, with the faults of its store and of its model."""
    with (
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0", "--faults") as tables,
        Server.start("dashscope", "--faults") as qwen,
        Deployment(redis_url, tables.url, qwen.url) as deployment,
    ):
        store(deployment, said("ana", "s1", 1, "I live in Paris."))
        extract_all(deployment)
        yield deployment, Faults(tables.url), Faults(qwen.url)


def test_model_that_is_slow_is_not_waited_for(
    slow: tuple[Deployment, Faults, Faults],
) -> None:
    deployment, _, model = slow

    with recall_in(deployment) as recall, model.during("latency", seconds=60):
        began = time.monotonic()
        found = asked(recall, deadline_s=4)
        took_s = time.monotonic() - began

    assert reasons(found)["memories.vector"] in (LATE, "Unavailable")
    assert "Paris" in found.memories[0].text
    assert [turn.text for turn in found.turns] == ["I live in Paris."]
    assert took_s < 60


def test_turns_that_may_not_be_told_are_not_read(slow: tuple[Deployment, Faults, Faults]) -> None:
    deployment, tables, _ = slow
    refused = {"operation": "GetRange", "code": "OTSServerUnavailable"}

    with recall_in(deployment) as recall, tables.during("error", **refused):
        facts = recall(user_id="ana", query="Paris", facts_share=1, deadline_s=PATIENT_S)
        both = asked(recall)

    assert "Paris" in facts.memories[0].text
    assert "turns.words" in facts.memories[0].scores
    assert facts.missing == ()
    assert "turns.fresh" in reasons(both)


def test_search_that_is_slow_leaves_what_is_read_by_key(
    slow: tuple[Deployment, Faults, Faults],
) -> None:
    deployment, tables, _ = slow
    store(deployment, said("ana", "s2", 3, "The spare key lies under the flower pot."))

    with recall_in(deployment) as recall, tables.during("latency", operation="Search", seconds=60):
        found = asked(recall, deadline_s=4)

    assert reasons(found).keys() >= {"memories.vector", "memories.words", "turns.words"}
    assert set(reasons(found).values()) <= {LATE, "Unavailable"}
    assert "spare key" in found.text


def test_facts_that_the_index_does_not_show_are_told_by_redis(
    slow: tuple[Deployment, Faults, Faults],
) -> None:
    deployment, tables, _ = slow

    with recall_in(deployment) as recall, tables.during("index-stop"):
        store(deployment, said("bo", "s3", 1, "I live in Oslo."))
        extract_all(deployment)
        found = recall(user_id="bo", query="Where do I live?", deadline_s=PATIENT_S)

    (memory,) = found.memories
    assert "Oslo" in memory.text
    assert set(memory.scores) == {"memories.fresh", "recency"}


def test_more_questions_than_can_be_answered_are_late_and_leave_nothing_behind(
    slow: tuple[Deployment, Faults, Faults],
) -> None:
    deployment, tables, _ = slow

    with recall_in(deployment) as recall, ThreadPoolExecutor(200) as callers:
        with tables.during("latency", seconds=1):
            many = [callers.submit(asked, recall, 0.5) for _ in range(200)]
            found = [each.result() for each in many]
        wait_until(lambda: not asked(recall).missing, "answered in full again")

    assert {part.reason for each in found for part in each.missing} <= {LATE, "Unavailable"}
    assert all(each.missing for each in found)


def test_rerank_without_a_model_or_with_one_that_is_away_leaves_the_order(
    slow: tuple[Deployment, Faults, Faults],
) -> None:
    deployment, _, model = slow

    with recall_in(deployment) as recall:
        without = recall(user_id="ana", query="Paris?", rerank=True, deadline_s=PATIENT_S)
    with (
        recall_in(deployment, MEMORY_RERANK_MODEL="qwen3-rerank") as recall,
        model.during("error", operation="rerank", code="ModelServingError"),
    ):
        away = asked(recall)

    assert reasons(without) == {"rerank": NOT_CONFIGURED}
    assert reasons(away) == {"rerank": "Unavailable"}
    assert "Paris" in away.memories[0].text


def test_rerank_puts_first_what_has_more_of_the_question(
    slow: tuple[Deployment, Faults, Faults],
) -> None:
    deployment, _, _ = slow

    with recall_in(deployment, MEMORY_RERANK_MODEL="qwen3-rerank") as recall:
        found = asked(recall, query="Paris")
        without = recall(user_id="ana", query="Paris", rerank=False, deadline_s=PATIENT_S)

    assert found.memories[0].scores["rerank"] == 1.0
    assert "rerank" in found.turns[0].scores
    assert "rerank" not in without.memories[0].scores

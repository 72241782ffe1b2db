"""What an agent is given for a question, told as stories over real processes."""

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from devtools.deployment import Deployment
from devtools.servers import wait_until
from tablestore_memory.recall import Recall, Recalled
from tests.local_dashscope import LocalDashScope


@pytest.fixture
def recall(deployment: Deployment) -> Iterator[Recall]:
    with Recall.from_env(deployment.environment) as recall:
        yield recall


def said(user: str, session: str, number: int, text: str, **more: Any) -> dict[str, Any]:
    """One line to publish: message `number` of a session on 8 May 2023."""
    return {
        "type": "message",
        "user_id": user,
        "session_id": session,
        "message_id": f"{session}-{number}",
        "created_at": f"2023-05-08T13:{number:02}:00+00:00",
        "role": "user",
        "content": text,
        **more,
    }


def over(user: str, session: str) -> dict[str, Any]:
    return {"type": "session_end", "user_id": user, "session_id": session}


def facts(found: Recalled) -> list[str]:
    return [memory.text for memory in found.memories]


def turns(found: Recalled) -> list[str]:
    return [turn.text for turn in found.turns]


def test_what_was_published_is_told_as_a_turn_before_it_is_a_fact(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    deployment.publish(
        said(fresh_name, fresh_name, 1, "The spare key lies under the third flower pot.")
    )

    found = wait_until(
        lambda: f if (f := recall(user_id=fresh_name, query="Where is my key?")).turns else None,
        "told",
    )

    assert found.text.endswith(
        "What was said:\n2023-05-08\n13:01 user: The spare key lies under the third flower pot."
    )
    assert found.missing == ()


def test_an_apps_debug_log_has_neither_a_key_nor_a_word_of_a_question(
    recall: Recall, fresh_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        recall(user_id=fresh_name, query="Where do the orchids grow?")

    assert "/Search" in caplog.text
    assert "orchids" not in caplog.text
    assert "x-ots-" not in caplog.text


def test_what_was_said_just_now_is_told_though_it_held_no_fact(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    """Its session was extracted, and the index of messages does not show it yet."""
    now = datetime.now(UTC).isoformat()
    deployment.publish(
        said(fresh_name, fresh_name, 1, "I keep bees.", created_at=now),
        over(fresh_name, fresh_name),
    )
    deployment.wait()

    found = recall(user_id=fresh_name, query="Do I keep any animals?")

    assert (facts(found), turns(found)) == ([], ["I keep bees."])


def test_facts_are_told_with_since_when_they_hold_and_with_the_turns_they_came_from(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    deployment.publish(
        said(user, session, 1, "Where do you live, Ana?", role="assistant"),
        said(user, session, 2, "I live in Paris.", name="Ana"),
        said(user, session, 3, "How nice.", role="assistant"),
        said(user, session, 4, "Yesterday I went to a jazz concert.", name="Ana"),
        over(user, session),
    )
    deployment.wait()

    found = recall(user_id=user, query="Where does Ana live?")

    home = found.memories[0]
    assert "Paris" in home.text
    assert home.since == datetime(2023, 5, 8, 13, 2, tzinfo=UTC)
    assert [(quote.message_id, quote.text) for quote in home.sources] == [
        (f"{session}-2", "I live in Paris.")
    ]
    assert found.text.splitlines()[1] == "2023-05-08"
    assert f"- {home.text}" in found.text.splitlines()
    concert = next(memory for memory in found.memories if "concert" in memory.text)
    assert f"- {concert.text} (2023-05-07)" in found.text.splitlines()
    assert turns(found)[:2] == ["Where do you live, Ana?", "I live in Paris."]
    assert found.text.index("Known facts") < found.text.index("What was said:")
    assert home.score == pytest.approx(sum(home.scores.values()))


def test_secrets_in_turns_are_not_told(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    deployment.publish(
        said(fresh_name, fresh_name, 1, "My password is hunter2-Xy9 and I like figs.")
    )

    found = wait_until(
        lambda: f if (f := recall(user_id=fresh_name, query="password")).turns else None, "told"
    )

    assert "hunter2" not in found.text
    assert "I like figs." in found.text


def test_what_was_asked_for_is_narrowed_by_kind_session_and_time(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    user, one, two = fresh_name, f"{fresh_name}-1", f"{fresh_name}-2"
    deployment.publish(
        said(user, one, 1, "I live in Paris."),
        said(user, one, 2, "I like tea."),
        said(user, two, 30, "I like coffee."),
        over(user, one),
        over(user, two),
    )
    deployment.wait()
    asked: dict[str, Any] = {"user_id": user, "query": "What do I like?"}
    noon = datetime(2023, 5, 8, 13, 10, tzinfo=UTC)

    kinds = recall(**asked, kinds=["preference"])
    session = recall(**asked, session_id=two)
    before = recall(**asked, until=noon)
    after = recall(**asked, since=noon)

    assert sorted(map(str.split, facts(kinds))) and not any("Paris" in f for f in facts(kinds))
    assert ["coffee" in fact for fact in facts(session)] == [True]
    assert turns(session) == ["I like coffee."]
    assert not any("coffee" in told for told in facts(before) + turns(before))
    assert turns(before) == ["I live in Paris.", "I like tea."]
    assert turns(after) == ["I like coffee."]


def test_what_held_then_is_told_as_of_a_time(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    user = fresh_name
    deployment.publish(said(user, f"{user}-1", 1, "I live in Paris."), over(user, f"{user}-1"))
    deployment.wait()
    deployment.publish(said(user, f"{user}-2", 30, "I live in Rome."), over(user, f"{user}-2"))
    deployment.wait()
    asked: dict[str, Any] = {"user_id": user, "query": "Where do I live?"}

    now = recall(**asked)
    then = recall(**asked, as_of=datetime(2023, 5, 8, 13, 10, tzinfo=UTC))
    before = recall(**asked, as_of=datetime(2023, 5, 7, tzinfo=UTC))
    of_session = recall(
        **asked, as_of=datetime(2023, 5, 8, 13, 10, tzinfo=UTC), session_id=f"{user}-1"
    )

    assert ["Rome" in fact for fact in facts(now)] == [True]
    (paris,) = then.memories
    assert "Paris" in paris.text
    assert paris.until == datetime(2023, 5, 8, 13, 30, tzinfo=UTC)
    assert "2023-05-08\n- The user lives in Paris (until 2023-05-08)" in then.text
    assert turns(then) == ["I live in Paris."]
    assert of_session.text == then.text
    assert before.text == ""
    assert before.missing == ()


def test_question_that_was_asked_before_is_not_embedded_again(
    deployment: Deployment, recall: Recall, fresh_name: str, dashscope_url: str
) -> None:
    local = LocalDashScope(dashscope_url)
    question = f"What does {fresh_name} like?"
    recall(user_id=fresh_name, query=question)
    before = local.calls()["count"].get("embedding", 0)

    recall(user_id=fresh_name, query=question)

    assert local.calls()["count"].get("embedding", 0) == before


async def test_event_loop_goes_on_while_recalls_are_awaited(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    now = datetime.now(UTC).isoformat()
    deployment.publish(said(fresh_name, fresh_name, 1, "I keep bees.", created_at=now))
    wait_until(lambda: recall(user_id=fresh_name, query="bees").turns, "told")

    found = await asyncio.gather(
        *(recall.aio(user_id=fresh_name, query=f"bees {n}", deadline_s=10) for n in range(20))
    )

    assert {tuple(turns(each)) for each in found} == {("I keep bees.",)}
    assert {each.missing for each in found} == {()}


def test_every_score_and_time_is_explained(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    user = fresh_name
    deployment.publish(
        *(said(user, user, n, f"I like tea number {n}.") for n in range(1, 9)), over(user, user)
    )
    deployment.wait()

    found = recall(user_id=user, query="Which tea did I like in May 2023?", tokens=60, explain=True)

    assert found.explanation is not None
    considered = found.explanation.memories
    assert len(considered) == 8
    assert [each.taken for each in considered].count(True) == len(found.memories) < 8
    assert set(considered[0].scores) == {
        *("memories.vector", "memories.words", "turns.words", "recency", "days", "beside")
    }
    assert set(found.explanation.took_ms) >= {"memories.vector", "turns.words", "turns.read"}


def test_result_is_json_as_it_is(deployment: Deployment, recall: Recall, fresh_name: str) -> None:
    deployment.publish(said(fresh_name, fresh_name, 1, "I keep bees."))
    found = wait_until(
        lambda: f if (f := recall(user_id=fresh_name, query="bees")).turns else None, "told"
    )

    told = msgspec.json.decode(msgspec.json.encode(found))

    assert told["text"] == found.text
    assert told["turns"][0]["at"] == "2023-05-08T13:01:00Z"


def test_process_that_was_forked_recalls_by_connections_of_its_own(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    now = datetime.now(UTC).isoformat()
    deployment.publish(said(fresh_name, fresh_name, 1, "I keep bees.", created_at=now))
    wait_until(lambda: recall(user_id=fresh_name, query="bees").turns, "told")

    child = os.fork()
    if not child:
        told = recall(user_id=fresh_name, query="bees", deadline_s=10).turns
        os._exit(0 if told else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_nothing_of_a_worker_is_loaded(deployment: Deployment) -> None:
    import subprocess

    code = (
        "import sys\n"
        "from tablestore_memory import Recall\n"
        "Recall.from_env()(user_id='ana', query='tea', deadline_s=5)\n"
        "heavy = {'celery', 'kombu', 'dashscope', 'pydantic', 'structlog', 'rich', 'typer', "
        "'tablestore_for_agent_memory', 'requests'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | deployment.environment,
        capture_output=True,
        text=True,
    )

    assert done.stdout == "[]\n", done.stderr


def test_query_may_be_empty_and_then_only_what_is_fresh_is_told(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    deployment.publish(said(fresh_name, fresh_name, 1, "I keep bees."))

    found = wait_until(
        lambda: f if (f := recall(user_id=fresh_name, query=" ")).turns else None, "told"
    )

    assert turns(found) == ["I keep bees."]
    assert found.missing == ()


def test_answer_comes_by_the_deadline_that_was_asked_for(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    found = recall(user_id=fresh_name, query="tea", deadline_s=timedelta.resolution.total_seconds())

    assert (found.text, found.tokens) == ("", 0)
    assert {part.reason for part in found.missing} == {"DeadlineExceeded"}


async def test_session_and_memories_are_read_as_they_stand(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    parts = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    deployment.publish(
        said(user, session, 1, "I live in Paris.", name="Ana"),
        said(user, session, 2, "", content=parts),
        over(user, session),
    )
    deployment.wait()

    first, second = await recall.asession(user_id=user, session_id=session)
    last = recall.session(user_id=user, session_id=session, last=1)
    (fact,) = recall.memories(user_id=user)

    assert (first.message_id, first.metadata) == (f"{session}-1", {"name": "Ana"})
    assert (second.content, last) == (parts, [second])
    assert recall.memories(user_id=user, ids=[fact.id, "another"]) == [fact]
    assert recall.memories(user_id=f"{user}-2", ids=[fact.id]) == []
    assert recall.session(user_id=f"{user}-2", session_id=session) == []

"""What a developer of an agent is promised, told as stories over real processes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devtools.deployment import Deployment
from devtools.servers import serving
from tablestore_memory.worker.stores.rows import WATERMARK
from tests.footprints import footprints

ROOT = Path(__file__).parents[2]


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


def test_conversation_is_stored_in_order_remembered_with_its_sources_and_found(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    lines = [
        said(user, session, 1, "Hello! My name is Ana and I live in Paris.", name="Ana"),
        said(user, session, 2, "Nice to meet you, Ana.", role="assistant"),
        said(user, session, 3, "I'm allergic to peanuts.", name="Ana"),
        said(user, session, 4, "Yesterday I went to a jazz concert.", name="Ana"),
    ]

    deployment.publish(*lines, over(user, session))
    deployment.wait()

    stored = list(deployment.services.sessions.messages(user, session))
    assert [m.text for m in stored] == [line["content"] for line in lines]
    assert [m.speaker for m in stored] == ["Ana", "assistant", "Ana", "Ana"]
    assert datetime.fromtimestamp(stored[0].created_at / 1e6, UTC).isoformat() == (
        "2023-05-08T13:01:00+00:00"
    )
    (allergy,) = [m for m in deployment.memories(user) if "peanuts" in m.text]
    assert [source.message_id for source in allergy.sources] == [f"{session}-3"]
    (concert,) = [m for m in deployment.memories(user) if "concert" in m.text]
    assert concert.event_start == "2023-05-07"
    (vector,) = deployment.services.qwen.embed(["What am I allergic to?"], query=True)
    assert "peanuts" in deployment.services.memories.nearest(user, vector, 1)[0].memory.text


def test_event_published_twice_is_one_row_and_one_memory(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    lines = [said(user, session, n, f"I like tea number {n}.") for n in range(1, 4)]
    deployment.publish(*lines, over(user, session))
    deployment.wait()
    before = deployment.memories(user)

    deployment.publish(*lines, over(user, session))
    deployment.wait()

    stored = list(deployment.services.sessions.messages(user, session))
    assert [m.message_id for m in stored] == [f"{session}-{n}" for n in (1, 2, 3)]
    assert len(before) == 3
    assert deployment.memories(user) == before


def test_same_fact_in_two_sessions_at_once_is_one_memory(
    deployment: Deployment, fresh_name: str
) -> None:
    user = fresh_name
    sessions = [f"{fresh_name}-{n}" for n in range(4)]

    deployment.publish(*(said(user, s, 1, "I love green tea.", name="Bo") for s in sessions))
    deployment.publish(*(over(user, s) for s in sessions))
    deployment.wait()

    assert deployment.texts(user) == ["Bo loves green tea"]


def test_chinese_stays_chinese(deployment: Deployment, fresh_name: str) -> None:
    user, session = fresh_name, f"{fresh_name}-s"

    deployment.publish(said(user, session, 1, "我喜欢喝绿茶。我住在杭州。", name="小李"))
    deployment.publish(over(user, session))
    deployment.wait()

    assert sorted(deployment.texts(user)) == ["小李住在杭州", "小李喜欢喝绿茶"]


def test_message_that_arrives_late_is_stored_in_its_place_and_remembered(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    deployment.publish(said(user, session, 5, "I like chess.", name="Ana"), over(user, session))
    deployment.wait()

    deployment.publish(said(user, session, 2, "I'm allergic to cats.", name="Ana"))
    deployment.wait()

    stored = list(deployment.services.sessions.messages(user, session))
    assert [m.message_id for m in stored] == [f"{session}-2", f"{session}-5"]
    assert sorted(deployment.texts(user)) == ["Ana is allergic to cats", "Ana likes chess"]


def test_session_that_falls_silent_is_extracted_without_being_ended(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"

    deployment.publish(said(user, session, 1, "I like chess.", name="Ana"))
    deployment.wait()

    (info,) = deployment.services.sessions.of_user(user)
    assert info.watermark == info.update_time, WATERMARK
    assert deployment.texts(user) == ["Ana likes chess"]


def test_nothing_of_one_user_reaches_another_who_named_a_session_alike(
    deployment: Deployment, fresh_name: str
) -> None:
    session = f"{fresh_name}-shared"
    ana, bo = f"{fresh_name}-ana", f"{fresh_name}-bo"

    deployment.publish(said(ana, session, 1, "I like chess.", name="Ana"))
    deployment.publish(said(bo, session, 2, "I live in Rome.", name="Bo"))
    deployment.publish(over(ana, session), over(bo, session))
    deployment.wait()

    assert deployment.texts(ana) == ["Ana likes chess"]
    assert deployment.texts(bo) == ["Bo lives in Rome"]


def test_remembered_text_stands_as_it_was_and_is_forgotten_when_asked(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    deployment.publish(
        said(user, session, 1, "I like chess.", name="Ana"),
        {"type": "remember", "user_id": user, "text": "Answer me in French."},
    )
    deployment.wait()
    remembered = deployment.texts(user)

    deployment.publish({"type": "forget", "user_id": user})
    deployment.wait()

    assert sorted(remembered) == ["Ana likes chess", "Answer me in French."]
    assert footprints(deployment, user) == []


def test_secret_never_becomes_a_memory(deployment: Deployment, fresh_name: str) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    secret = "My password is hunter22. I like chess."

    deployment.publish(said(user, session, 1, secret, name="Ana"), over(user, session))
    deployment.wait()

    assert deployment.texts(user) == ["Ana likes chess"]


def test_yesterday_is_the_speakers_yesterday(deployment: Deployment, fresh_name: str) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    early = "2023-05-08T07:00:00+08:00"  # still the 7th in UTC

    deployment.publish(
        said(user, session, 1, "Yesterday I went to a tea house.", name="Li", created_at=early),
        over(user, session),
    )
    deployment.wait()

    (visit,) = deployment.memories(user)
    assert visit.event_start == "2023-05-07"


def test_memory_is_found_by_what_it_means_where_the_embeddings_are_real(
    redis_url: str, tablestore_url: str
) -> None:
    lines = (ROOT / "examples" / "conversation.jsonl").read_bytes()
    with (
        serving("dashscope", "--embeddings", "real") as dashscope_url,
        Deployment(
            redis_url, tablestore_url, dashscope_url, MEMORY_EMBEDDING_DIMENSION="1536"
        ) as deployment,
    ):
        deployment.start_workers()
        deployment.command("publish", "-", stdin=lines)
        deployment.wait()

        found = deployment.command("search", "mei", "food allergy", "--limit", "1", "--json")

    (nearest,) = json.loads(found.stdout)
    assert "peanuts" in nearest["text"]

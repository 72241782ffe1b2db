"""Extract workers that are killed with their children leave nothing undone: others take over."""

from collections.abc import Iterator

import pytest

from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import Server, wait_until


@pytest.fixture
def killed(redis_url: str, dashscope_url: str) -> Iterator[Deployment]:
    """A deployment of its own: what its workers hold must run out."""
    with (
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as tablestore,
        Deployment(redis_url, tablestore.url, dashscope_url) as deployment,
    ):
        yield deployment


def test_killed_extract_worker_is_replaced_by_the_next(killed: Deployment, fresh_name: str) -> None:
    user = fresh_name
    _, extract = killed.start_workers()
    sessions = [f"{user}-{n}" for n in range(8)]
    for n, session in enumerate(sessions):
        killed.publish(
            said(user, session, n, f"I like tea number {n}.", name="Ana"),
            said(user, session, n + 20, f"I live in city{n}.", name="Ana"),
            {"type": "session_end", "user_id": user, "session_id": session},
        )
    wait_until(lambda: "qwen.answered" in extract.output, "the first answer of Qwen")

    extract.kill()
    killed.start_workers("extract")
    killed.wait()

    assert sorted(killed.texts(user)) == [
        *(f"Ana likes tea number {n}" for n in range(8)),
        "Ana lives in city7",
    ]
    states = [entry.text for entry in killed.services.history.of_user(user)]
    assert sorted(states) == [f"Ana lives in city{n}" for n in range(7)]

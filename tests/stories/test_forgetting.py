"""What somebody who asks to be forgotten is promised: nothing is left, nobody else loses anything, and what
they say afterwards counts as if it were new.
"""

import pytest
import tablestore as ots

from devtools.deployment import Deployment
from devtools.extraction import extract_all, memory_rows, said, store, stored_texts
from tablestore_memory.worker.state.clock import now_ms
from tests.failures.ingesting import idle_deployment
from tests.footprints import footprints, rows
from tests.forgetting import (
    ask_to_forget,
    carry_out_forgetting,
    forget,
    leave_something_everywhere,
    live,
    live_before_requests,
    settle,
)
from tests.local_dashscope import LocalDashScope

HOUR_S = 3_600


@pytest.fixture
def deployment(redis_url: str, tablestore_url: str, dashscope_url: str) -> Deployment:
    """A deployment without workers, with its own prefix: everything is done in the test."""
    return idle_deployment(redis_url, tablestore_url, dashscope_url)


def said_texts(deployment: Deployment, user: str, session: str) -> list[str]:
    return [message.text for message in deployment.services.sessions.messages(user, session)]


def test_nothing_of_the_forgotten_is_anywhere_and_everything_of_another_is_as_before(
    deployment: Deployment, fresh_name: str
) -> None:
    # Their names are patterns of each other's, for whoever takes them so.
    ana, bo, shared = f"{fresh_name}-a*[n]?", f"{fresh_name}-axn!", f"s-{fresh_name}"
    leave_something_everywhere(deployment, ana, bo, shared=shared)
    before = footprints(deployment, bo, shared)
    assert len(footprints(deployment, ana)) > 50

    receipt = forget(deployment, ana)

    assert footprints(deployment, ana) == []
    assert footprints(deployment, bo, shared) == [what for what in before if ana not in what]
    assert receipt["verified"] is True
    assert receipt["unowned"] == 1
    assert all(count for count in receipt.values()), receipt
    assert fresh_name not in str(receipt)


def test_nothing_of_a_forgotten_session_is_anywhere_and_the_other_sessions_are_as_before(
    deployment: Deployment, fresh_name: str
) -> None:
    ana, home = fresh_name, f"{fresh_name}-home"
    leave_something_everywhere(deployment, ana, shared=f"s-{fresh_name}")
    before = [row for row in rows(deployment) if ana in row and home not in row]

    receipt = forget(deployment, ana, home)

    assert footprints(deployment, home) == []
    assert [row for row in rows(deployment) if ana in row] == before
    assert [receipt[what] for what in ("messages", "sessions", "history")] == [2, 1, 1]
    assert len(before) > 8


def test_forgetting_needs_no_qwen(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    live(deployment, said(fresh_name, f"{fresh_name}-s", 1, "I like tea.", name="Ana"))
    local_dashscope.reset()

    forget(deployment, fresh_name)

    assert local_dashscope.calls()["count"] == {}
    assert footprints(deployment, fresh_name) == []


def test_same_events_published_after_it_are_stored_and_remembered_as_if_they_were_new(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    lines = [
        said(user, session, 1, "I live in Paris.", name="Ana", event_id=f"{user}-1"),
        said(user, session, 2, "I live in Lyon.", name="Ana", event_id=f"{user}-2"),
        {"type": "remember", "user_id": user, "text": "Use French.", "event_id": f"{user}-3"},
    ]
    live(deployment, *lines)
    before = stored_texts(deployment, user), deployment.services.history.of_user(user)
    forget(deployment, user)
    assert footprints(deployment, user) == []

    live(deployment, *lines)

    after = stored_texts(deployment, user), deployment.services.history.of_user(user)
    assert said_texts(deployment, user, session) == ["I live in Paris.", "I live in Lyon."]
    assert after[0] == before[0] == ["Ana lives in Lyon", "Use French."]
    assert [entry.text for entry in after[1]] == [entry.text for entry in before[1]] != []


@pytest.mark.parametrize("clock_s", [-HOUR_S, 0, HOUR_S])
def test_what_was_published_after_the_request_stays_whatever_clock_stamped_it(
    deployment: Deployment, fresh_name: str, clock_s: int
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    now_us = now_ms(deployment.services.redis) * 1000
    live(deployment, said(user, session, 1, "I like tea.", name="Ana", created_at=now_us))
    asked = ask_to_forget(deployment, user)
    stamp = now_us + clock_s * 1_000_000
    later = said(user, session, 2, "I like chess.", name="Ana", created_at=stamp)
    live_before_requests(deployment, later)

    carry_out_forgetting(deployment, asked)
    settle(deployment)

    assert said_texts(deployment, user, session) == ["I like chess."]
    assert stored_texts(deployment, user) == ["Ana likes chess"]
    assert [info.session_id for info in deployment.services.sessions.of_user(user)] == [session]


def test_message_published_again_between_asking_and_doing_stays_and_is_remembered(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    again = said(user, session, 1, "I like tea.", name="Ana")
    live(deployment, again, said(user, session, 2, "I like chess.", name="Ana"))
    asked = ask_to_forget(deployment, user)
    live_before_requests(deployment, again)

    carry_out_forgetting(deployment, asked)
    settle(deployment)

    assert said_texts(deployment, user, session) == ["I like tea."]
    assert stored_texts(deployment, user) == ["Ana likes tea"]


def test_replay_between_asking_and_doing_is_published_after_it(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    live(deployment, said(user, session, 1, "I like tea.", name="Ana"))
    asked = ask_to_forget(deployment, user)

    replayed = deployment.command("replay", "--since", "2023-01-01", "--user", user)
    carry_out_forgetting(deployment, asked)
    settle(deployment)

    assert replayed.returncode == 0, replayed.stderr
    assert said_texts(deployment, user, session) == ["I like tea."]
    assert stored_texts(deployment, user) == ["Ana likes tea"]


def test_fact_that_another_session_said_too_is_remembered_from_there(
    deployment: Deployment, fresh_name: str
) -> None:
    user, first, second = fresh_name, f"{fresh_name}-1", f"{fresh_name}-2"
    live(deployment, said(user, first, 1, "I like tea.", name="Ana"))
    live(
        deployment,
        said(user, second, 2, "Hello."),
        said(user, second, 3, "I like tea.", name="Ana"),
    )
    (both,) = [m for m in memory_rows(deployment) if m.user_id == user]
    assert both.sessions == {first, second}

    forget(deployment, user, first)
    settle(deployment)

    (again,) = [m for m in memory_rows(deployment) if m.user_id == user]
    assert (again.text, again.sessions) == ("Ana likes tea", {second})
    assert footprints(deployment, first) == []


def test_fact_that_a_forgotten_session_had_replaced_holds_again(
    deployment: Deployment, fresh_name: str
) -> None:
    user, first, second = fresh_name, f"{fresh_name}-1", f"{fresh_name}-2"
    live(deployment, said(user, first, 1, "I live in Paris.", name="Ana"))
    live(deployment, said(user, second, 2, "I live in Lyon.", name="Ana"))
    assert stored_texts(deployment, user) == ["Ana lives in Lyon"]

    forget(deployment, user, second)
    settle(deployment)

    assert stored_texts(deployment, user) == ["Ana lives in Paris"]
    assert [what for what in footprints(deployment, user) if "Lyon" in what] == []


def test_fact_said_before_and_after_the_request_is_remembered_from_after_it(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    live(deployment, said(user, session, 1, "I like tea.", name="Ana"))
    asked = ask_to_forget(deployment, user)
    live_before_requests(deployment, said(user, session, 2, "I like tea.", name="Ana"))
    (both,) = [m for m in memory_rows(deployment) if m.user_id == user]
    assert len(both.sources) == 2

    carry_out_forgetting(deployment, asked)
    settle(deployment)

    (again,) = [m for m in memory_rows(deployment) if m.user_id == user]
    assert [source.message_id for source in again.sources] == [f"{session}-2"]


def test_rows_without_a_receipt_are_forgotten_and_what_is_written_later_is_remembered(
    deployment: Deployment, fresh_name: str
) -> None:
    """As an earlier release wrote them, and AgentScope's own service still does."""
    user, session = fresh_name, f"{fresh_name}-s"
    live(deployment, said(user, session, 1, "I like tea.", name="Ana"))
    without_receipts(deployment, user, session)
    forget(deployment, user)
    assert footprints(deployment, user) == []

    live(deployment, said(user, session, 1, "I like tea.", name="Ana"))
    without_receipts(deployment, user, session)
    deployment.services.due.add(user, session, 0)
    settle(deployment)

    assert stored_texts(deployment, user) == ["Ana likes tea"]


def without_receipts(deployment: Deployment, user: str, session: str) -> None:
    """Take the column off all rows of a session."""
    for row in deployment.services.sessions.stored.forward(session):
        key = [
            ("session_id", session),
            ("create_time", row.created_at),
            ("message_id", row.message_id),
        ]
        bare = ots.Row(key, {"delete_all": ["received_ms"]})
        deployment.services.tablestore.update_row(deployment.services.names.message, bare, None)


def test_malformed_letter_of_another_who_names_the_forgotten_stays(
    deployment: Deployment, fresh_name: str
) -> None:
    ana, bo = f"{fresh_name}-ana", f"{fresh_name}-bo"
    letter = '{"user_id": "%s", "score": NaN, "fields": {"user_id": "%s"}}'
    for who, names in ((ana, bo), (bo, ana)):
        deployment.services.dead.add(
            0, event=(letter % (who, names)).encode(), reason="-", queue="ingest"
        )

    receipt = forget(deployment, ana)

    (left,) = deployment.services.dead.all()
    assert left.event == (letter % (bo, ana)).encode()
    assert receipt["dead_letters"] == 1


def test_message_that_a_late_write_left_behind_is_neither_sent_to_qwen_nor_remembered(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    store(deployment, said(user, session, 1, "I like tea.", name="Ana"))
    deployment.services.tombstones.note(user, None, now_ms(deployment.services.redis))
    local_dashscope.reset()

    extract_all(deployment)

    assert local_dashscope.calls()["count"] == {}
    assert stored_texts(deployment, user) == []

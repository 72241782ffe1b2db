"""What is on its way while somebody is forgotten does not come back: delivered late, read already, or in
the hands of a worker that hangs.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from devtools.deployment import Deployment
from devtools.extraction import confirm_all, memory_rows, said, store, stored_texts
from devtools.servers import wait_until
from tablestore_memory.localcloud.lifetime import terminated_with_parent
from tablestore_memory.protocol.streams import EVENT_FIELD, WAITED_FIELD
from tablestore_memory.worker.extract import facts
from tablestore_memory.worker.failures.errors import RequestRefused, Throttled, Unavailable
from tablestore_memory.worker.indexing.unindexed import MemoryRef, UnindexedMemories
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.lease import Lease
from tests.failures.ingesting import SHARED_TABLES, append, dead, drain_all, fault, message
from tests.footprints import footprints
from tests.foreign import give_session, put_memory
from tests.forgetting import (
    ask_to_forget,
    carry_out_forgetting,
    forget,
    leave_something_everywhere,
    live,
    publish,
    settle,
)
from tests.qwen import Vectors, embedding, not_asking
from tests.redis_nodes import cluster


@pytest.fixture
def deployment(undrained: Deployment) -> Deployment:
    return undrained


def remembered(user: str, **more: Any) -> dict[str, Any]:
    return {"type": "remember", "user_id": user, "text": f"{user} likes tea.", **more}


def document(user: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": f"{user} likes tea."}]
    whole = {"id": f"{user}-d", "type": "message", "role": "user", "content": content}
    return remembered(user, document=whole, **more)


def since(deployment: Deployment, moment_ms: int) -> int:
    """How long a publisher has waited that was ready to send a second before then, or up to then on a
    machine that is slow between this question and the sending."""
    return now_ms(deployment.services.redis) - moment_ms + 1_000


@pytest.mark.parametrize("line", [remembered, document])
def test_request_that_a_journal_delivers_late_was_published_before(
    deployment: Deployment, fresh_name: str, line: Any
) -> None:
    began_ms = now_ms(deployment.services.redis)
    forget(deployment, fresh_name)
    assert footprints(deployment, fresh_name) == []

    publish(deployment, line(fresh_name), waited_ms=since(deployment, began_ms))
    settle(deployment)
    late = footprints(deployment, fresh_name)
    publish(deployment, line(fresh_name), waited_ms=1)
    settle(deployment)

    assert late == []
    assert stored_texts(deployment, fresh_name) == [f"{fresh_name} likes tea."]


@pytest.mark.parametrize("line", [remembered, document])
def test_request_that_a_turn_has_read_already_does_not_come_back(
    deployment: Deployment, fresh_name: str, line: Any
) -> None:
    publish(deployment, line(fresh_name), partition=2)
    drain_all(deployment, 2)

    def forgotten_meanwhile(texts: Sequence[str]) -> Vectors:
        forget(deployment, fresh_name)
        return deployment.services.qwen.embed(texts)

    embedding(deployment, forgotten_meanwhile).requests.process(2)

    assert footprints(deployment, fresh_name) == []


@pytest.mark.parametrize(("where", "settled"), [("events", 0), ("requests", 3)])
def test_requests_of_the_forgotten_reach_neither_qwen_nor_the_dead_letters(
    deployment: Deployment, fresh_name: str, where: str, settled: int
) -> None:
    """Not even where they had been moved on to the requests before."""
    secret = remembered(fresh_name) | {"text": "My key is sk-0123456789abcdef."}
    before_ms = now_ms(deployment.services.redis)
    forget(deployment, fresh_name)

    for line in (remembered(fresh_name), document(fresh_name), secret):
        publish(deployment, line, stream=where, waited_ms=since(deployment, before_ms))
    drain_all(deployment, 0)
    done = not_asking(deployment).requests.process(0)

    assert done == settled
    assert footprints(deployment, fresh_name) == []


@contextmanager
def stopped_worker(deployment: Deployment, where: str, count: int, *work: str) -> Iterator[None]:
    """A worker that has stopped where it was told to, its leases run out; it goes on at the end of the block."""
    module, _, name = where.partition(":")
    arguments = [
        "-m",
        "tests.failures.stopped_worker",
        f"tablestore_memory.worker.{module}",
        name,
        str(count),
    ]
    worker = subprocess.Popen(
        [sys.executable, *arguments, *work],
        env=os.environ | deployment.environment,
        preexec_fn=terminated_with_parent,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    _, status = os.waitpid(worker.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), worker.communicate()[0]
    redis, leases = deployment.services.redis, f"{deployment.settings.prefix}:*lease*"
    wait_until(lambda: not list(redis.scan_iter(leases)), "its leases have run out")
    yield
    worker.send_signal(signal.SIGCONT)
    said = worker.communicate(timeout=30)[0]
    assert worker.returncode == 0, said


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("extract.chunks:Bounds.chunks_of", 1),  # about to read the messages
        ("extract.facts:ask", 1),  # has read them, about to ask Qwen
        ("extract.plans:Plans.keep", 1),  # about to keep what Qwen said
        ("extract.plans:Plans.keep", 2),  # with its vectors
        ("consolidation.journal:Journal.begin", 1),  # about to write down what changes
        ("consolidation.apply:write_all", 1),  # about to write the history
        ("consolidation.apply:write_all", 2),  # the new fact
        ("consolidation.apply:write_all", 3),  # to delete the old one
        ("consolidation.journal:Journal.end", 1),  # about to say that it is done
    ],
)
def test_extraction_that_hangs_past_its_lease_leaves_nothing_of_the_forgotten(
    deployment: Deployment, fresh_name: str, where: str, count: int
) -> None:
    user, session = fresh_name, f"{fresh_name}-s"
    live(deployment, said(user, session, 1, "I live in Paris.", name="Ana"))
    store(deployment, said(user, session, 2, "I live in Lyon.", name="Ana"))

    with stopped_worker(deployment, where, count, "extract", user, session):
        forget(deployment, user)
        assert footprints(deployment, user) == []

    assert footprints(deployment, user) == []
    settle(deployment)
    assert footprints(deployment, user) == []


@pytest.mark.parametrize(
    ("line", "where"),
    [(remembered, "consolidation.apply:write_all"), (document, "consolidation.keep:write_all")],
)
def test_request_in_the_hands_of_a_worker_that_hangs_leaves_nothing_of_the_forgotten(
    deployment: Deployment, fresh_name: str, line: Any, where: str
) -> None:
    publish(deployment, line(fresh_name), partition=2)
    drain_all(deployment, 2)

    with stopped_worker(deployment, where, 1, "requests", "2"):
        forget(deployment, fresh_name)

    assert footprints(deployment, fresh_name) == []


def test_fact_taken_back_from_a_worker_that_hung_is_remembered_from_the_other_session(
    deployment: Deployment, fresh_name: str
) -> None:
    user, first, second = fresh_name, f"{fresh_name}-1", f"{fresh_name}-2"
    live(deployment, said(user, first, 1, "I like tea.", name="Ana"))
    store(deployment, said(user, second, 2, "I like tea.", name="Ana"))

    with stopped_worker(deployment, "consolidation.apply:write_all", 1, "extract", user, second):
        forget(deployment, user, second)
    settle(deployment)

    (again,) = [m for m in memory_rows(deployment) if m.user_id == user]
    assert again.sessions == {first}
    assert footprints(deployment, second) == []


def test_memory_forgotten_while_it_is_looked_for_is_not_announced(
    deployment: Deployment, fresh_name: str
) -> None:
    publish(deployment, remembered(fresh_name))
    drain_all(deployment, 0)
    services = deployment.services
    services.requests.process(0)

    class ForgottenMeanwhile(UnindexedMemories):
        def age_ms(self, written: MemoryRef) -> int:
            age = super().age_ms(written)
            forget(deployment, fresh_name)
            return age

    unindexed = ForgottenMeanwhile(services.redis, services.streams)
    confirm_all(deployment, Services(deployment.settings, unindexed=unindexed))

    assert footprints(deployment, fresh_name) == []


def test_session_forgotten_while_it_failed_is_not_given_up(
    deployment: Deployment, fresh_name: str
) -> None:
    session = f"{fresh_name}-s"
    deployment.services.due.add(fresh_name, session, 1)
    forget(deployment, fresh_name)

    deployment.services.due.give_up(fresh_name, session, "no answer")

    assert not deployment.services.due.waits(fresh_name, session)
    assert footprints(deployment, fresh_name) == []


def test_events_that_a_drain_may_hold_are_waited_for_and_those_behind_are_not(
    deployment: Deployment, fresh_name: str
) -> None:
    others = [message(f"{fresh_name}-other", number) for number in range(199)]
    front, behind = message(fresh_name, 1), message(fresh_name, 2)
    append(deployment, 3, front, *others, behind)
    asked = ask_to_forget(deployment, fresh_name)
    stream = deployment.services.streams.events(3)

    with Lease(deployment.services.redis, deployment.services.streams.key(3, "lease")):
        assert deployment.services.requests.process(1) == 0
        held = int(deployment.services.redis.xlen(stream))
    carry_out_forgetting(deployment, asked)

    assert held == 200
    assert deployment.services.redis.xlen(stream) == 199
    assert footprints(deployment, f"{fresh_name}-1", f"{fresh_name}-2") == []


def test_memory_that_only_a_stopped_index_would_show_is_found_before_it_is_verified(
    deployment: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    """Another program wrote it: no key of ours tells of it."""
    with fault(faulty_tablestore_url, "index-stop"):
        put_memory(deployment, f"{fresh_name}-d", user_id=fresh_name, text="Ana likes tea.")
        asked = ask_to_forget(deployment, fresh_name)
        moment_ms = now_ms(deployment.services.redis)
        wait_until(
            lambda: now_ms(deployment.services.redis) > moment_ms + 1_500, "its clock is past"
        )
        assert deployment.services.requests.process(1) == 0
        told = deployment.services.deletion_receipts.finished(asked)

    receipt = carry_out_forgetting(deployment, asked)

    assert told is None
    assert (receipt["memories"], receipt["verified"]) == (1, True)
    assert footprints(deployment, fresh_name) == []


def test_nothing_of_the_forgotten_is_on_any_node_of_a_cluster(
    redis_url: str,
    faulty_tablestore_url: str,
    dashscope_url: str,
    fresh_name: str,
    deployment: Deployment,
) -> None:
    variables = SHARED_TABLES | {"MEMORY_BROKER_URL": redis_url}
    with cluster() as url:
        spread = Deployment(url, faulty_tablestore_url, dashscope_url, **variables)
        session = f"s-{fresh_name}"
        give_session(spread, fresh_name, session)
        leave_something_everywhere(spread, fresh_name, shared=session)
        assert len(footprints(spread, fresh_name)) > 50

        forget(spread, fresh_name)

        assert footprints(spread, fresh_name) == []


def test_malformed_request_of_the_forgotten_is_no_dead_letter(
    deployment: Deployment, fresh_name: str
) -> None:
    raw = b'{"type": "remember", "user_id": "%s", "text": 7}' % fresh_name.encode()
    requests = deployment.services.streams.key(0, "requests")
    before_ms = now_ms(deployment.services.redis)
    forget(deployment, fresh_name)

    late: Any = {EVENT_FIELD: raw, WAITED_FIELD: since(deployment, before_ms)}
    deployment.services.redis.xadd(requests, late)
    deployment.services.requests.process(0)
    left_by_the_late = footprints(deployment, fresh_name)
    deployment.services.redis.xadd(requests, {EVENT_FIELD: raw})
    deployment.services.requests.process(0)

    assert left_by_the_late == []
    assert [letter.event for letter in dead(deployment)] == [raw]


def test_request_that_is_refused_while_it_is_forgotten_is_no_dead_letter(
    deployment: Deployment, fresh_name: str
) -> None:
    publish(deployment, remembered(fresh_name), partition=2)
    drain_all(deployment, 2)

    def forgotten_meanwhile(_: Sequence[str]) -> Vectors:
        forget(deployment, fresh_name)
        raise RequestRefused("Qwen: 400")

    done = embedding(deployment, forgotten_meanwhile).requests.process(2)

    assert done == 1
    assert footprints(deployment, fresh_name) == []


def test_message_that_a_journal_delivers_late_was_published_before(
    deployment: Deployment, fresh_name: str
) -> None:
    line = said(fresh_name, f"{fresh_name}-s", 1, "I like tea.", name="Ana")
    over = {"type": "session_end", "user_id": fresh_name, "session_id": f"{fresh_name}-s"}
    began_ms = now_ms(deployment.services.redis)
    forget(deployment, fresh_name)

    publish(deployment, line, over, waited_ms=since(deployment, began_ms))
    settle(deployment)
    late = footprints(deployment, fresh_name)
    publish(deployment, line, waited_ms=1)
    settle(deployment)

    assert late == []
    assert stored_texts(deployment, fresh_name) == ["Ana likes tea"]


@pytest.mark.parametrize(
    "where", ["ingest.writing:write_rows", "ingest.drain:record", "ingest.drain:acknowledge"]
)
def test_drain_that_hangs_past_its_lease_leaves_nothing_of_the_forgotten(
    deployment: Deployment, fresh_name: str, where: str
) -> None:
    session = f"{fresh_name}-s"
    publish(deployment, said(fresh_name, session, 1, "I like tea."), partition=3)
    publish(deployment, {"type": "remember", "user_id": fresh_name, "text": "Tea."}, partition=3)

    with stopped_worker(deployment, where, 1, "drain", "3"):
        forget(deployment, fresh_name)
        assert footprints(deployment, fresh_name) == []

    settle(deployment)  # a session in which nothing waits is taken off when it falls due
    assert footprints(deployment, fresh_name) == []


@pytest.mark.parametrize("error", [Unavailable("gone"), Throttled("slowly"), RuntimeError("?")])
def test_extraction_that_fails_while_it_is_forgotten_leaves_nothing(
    deployment: Deployment, fresh_name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = f"{fresh_name}-s"
    store(deployment, said(fresh_name, session, 1, "I like tea.", name="Ana"))

    def forgotten_meanwhile(*_: Any) -> Any:
        forget(deployment, fresh_name)
        raise error

    monkeypatch.setattr(facts, "ask", forgotten_meanwhile)
    deployment.services.attempt.run(fresh_name, session)

    assert footprints(deployment, fresh_name) == []

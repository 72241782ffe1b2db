"""Three users in one partition, ids that collide, hostile content, requests to forget, in any order: after each
settling each user has exactly what is theirs. Hypothesis finds the order; the steps and the stores are real.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from devtools.deployment import Deployment
from devtools.extraction import memory_rows
from devtools.servers import wait_until
from tablestore_memory.protocol.events import Forget, Message, Remember, encode
from tests.failures.ingesting import append, dead, drain_all

# So few keys that three users meet at each of them in nearly every run.
USERS, SESSIONS, MESSAGES, DOCUMENTS = ("ana", "bo", "cy"), ("s1", "s2"), ("m1",), ("m1", "m2")
HOSTILE = (
    b"{",
    b'{"type": "message", "user_id": "ana"}',
    b'{"type": "remember", "event_id": "e", "user_id": "bo", "created_at": NaN, "text": "x"}',
    b"[" * 5_000,
)

users, sessions = st.sampled_from(USERS), st.sampled_from(SESSIONS)


@pytest.fixture
def deployment(undrained: Deployment) -> Deployment:
    return undrained


class Isolation(RuleBasedStateMachine):
    """The model: who owns a key, and what stands there; what was appended and is not settled."""

    deployment: Deployment
    runs = 0

    def __init__(self) -> None:
        super().__init__()
        Isolation.runs += 1
        self.name = f"{self.deployment.settings.prefix}-{Isolation.runs}"
        self.messages: dict[tuple[str, int, str], tuple[str, str]] = {}
        self.documents: dict[tuple[str, str], str] = {}
        self.waiting: list[Message | Remember | Forget] = []
        self.refused: list[Message | None] = []
        self.count = 0
        self.dead_before = len(dead(self.deployment))
        self.settled = True

    @rule(user=users, session=sessions, message_id=st.sampled_from(MESSAGES))
    def says(self, user: str, session: str, message_id: str) -> None:
        self._append(
            Message(
                event_id=self._next(),
                user_id=self._own(user),
                session_id=self._own(session),
                message_id=message_id,
                created_at=1,
                role="user",
                content=f"{user} says {self.count}",
            )
        )

    @rule(user=users, other=users, session=sessions, message_id=st.sampled_from(MESSAGES))
    def writes_anew_after_another(
        self, user: str, other: str, session: str, message_id: str
    ) -> None:
        """In one batch, at a key that is somebody's by then."""
        self.says(user, session, message_id)
        self.settles()
        self.says(other, session, message_id)
        self.says(user, session, message_id)

    @rule(user=users, document_id=st.sampled_from(DOCUMENTS))
    def keeps(self, user: str, document_id: str) -> None:
        text = f"{user} keeps {self._next()}"
        document = {
            "id": self._own(document_id),
            "content": [{"type": "text", "text": text}],
            "user_id": self._own("ana"),
            "sources": ["nonsense"],
        }
        self._append(
            Remember(
                event_id=self._next(),
                user_id=self._own(user),
                created_at=1,
                text=text,
                document=document,
            )
        )

    @rule(user=users, session=st.none() | sessions)
    def is_forgotten(self, user: str, session: str | None) -> None:
        self._append(
            Forget(
                event_id=self._next(),
                user_id=self._own(user),
                session_id=session and self._own(session),
                created_at=1,
            )
        )

    @rule(raw=st.sampled_from(HOSTILE))
    def is_attacked(self, raw: bytes) -> None:
        append(self.deployment, 0, raw)
        self.refused.append(None)
        self.settled = False

    @rule()
    def settles(self) -> None:
        drain_all(self.deployment, 0)
        services = self.deployment.services
        requests = services.streams.key(0, "requests")

        def done() -> bool:
            services.requests.process(0)
            return not services.redis.xlen(requests)

        wait_until(done, "all requests carried out")
        for event in self.waiting:
            self._expect(event)
        for (
            event
        ) in self.waiting:  # done when all before and after it was stored, to what came before it
            if isinstance(event, Forget):
                self._expect_forgotten(event)
        self.waiting.clear()
        self.settled = True

    @invariant()
    def each_has_exactly_what_is_theirs(self) -> None:
        if not self.settled:
            return
        services = self.deployment.services
        for user in map(self._own, USERS):
            for session in map(self._own, SESSIONS):
                found = {
                    (session, said.created_at, said.message_id): (user, said.text)
                    for said in services.sessions.messages(user, session)
                }
                assert found == {
                    key: value
                    for key, value in self.messages.items()
                    if key[0] == session and value[0] == user
                }
        kept = {
            (memory.user_id, memory.text)
            for memory in memory_rows(self.deployment)
            if memory.user_id.startswith(self.name)
        }
        assert kept == {(user, text) for (user, _), text in self.documents.items()}
        assert len(dead(self.deployment)) - self.dead_before == len(self.refused)

    def teardown(self) -> None:
        """The next run finds nothing of this one on its way."""
        self.settles()

    def _own(self, name: str) -> str:
        return f"{self.name}-{name}"

    def _next(self) -> str:
        self.count += 1
        return f"{self.name}-e{self.count}"

    def _append(self, event: Message | Remember | Forget) -> None:
        append(self.deployment, 0, encode(event))
        self.waiting.append(event)
        self.settled = False

    def _expect(self, event: Message | Remember | Forget) -> None:
        match event:
            case Message():
                key = (event.session_id, event.created_at, event.message_id)
                owner, _ = self.messages.get(key, (event.user_id, ""))
                if owner == event.user_id:
                    self.messages[key] = (owner, str(event.content))
                else:
                    self.refused.append(event)
            case Remember():
                document: Any = event.document
                self.documents[event.user_id, document["id"]] = event.text

    def _expect_forgotten(self, asked: Forget) -> None:
        """What the same settling stored after the request was received stays."""
        later = self.waiting[self.waiting.index(asked) + 1 :]
        stays = {
            (e.session_id, e.created_at, e.message_id): (e.user_id, str(e.content))
            for e in later
            if isinstance(e, Message)
        }
        for key, (user, text) in list(self.messages.items()):
            in_session = asked.session_id in (None, key[0])
            if user == asked.user_id and in_session and stays.get(key) != (user, text):
                del self.messages[key]
        self.refused = [
            one
            for one in self.refused
            if one is None
            or one in later
            or one.user_id != asked.user_id
            or asked.session_id not in (None, one.session_id)
        ]
        kept_later = {e.text for e in later if isinstance(e, Remember)}
        for (user, document_id), text in list(self.documents.items()):
            if user == asked.user_id and asked.session_id is None and text not in kept_later:
                del self.documents[user, document_id]


@pytest.mark.timeout(600)  # each request to forget waits for the index's clock
def test_each_user_has_exactly_what_is_theirs_whatever_happens(deployment: Deployment) -> None:
    Isolation.deployment = deployment

    run_state_machine_as_test(
        Isolation,
        settings=settings(
            max_examples=8,
            stateful_step_count=18,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            phases=[Phase.generate],  # shrinking takes minutes, and the log tells the steps
        ),
    )


def test_each_user_has_what_is_theirs_where_one_writes_anew_after_another(
    deployment: Deployment,
) -> None:
    """What the machine may do but, as its choices fall, need not."""
    Isolation.deployment = deployment
    users = Isolation()

    users.writes_anew_after_another("ana", "cy", "s1", "m1")
    users.settles()

    users.each_has_exactly_what_is_theirs()

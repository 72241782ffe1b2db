"""Requests to forget, carried out in this process; and somebody who left something in every deployment."""

from typing import Any

import msgspec

from devtools.deployment import Deployment
from devtools.extraction import confirm_all, extract_all, said
from devtools.servers import wait_until
from tablestore_memory.producer.lines import from_line
from tablestore_memory.protocol.events import Forget, Message, Remember, SessionEnd, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.consolidation.changes import Change
from tablestore_memory.worker.consolidation.journal import Entry
from tablestore_memory.worker.extract.facts import Found
from tablestore_memory.worker.extract.plans import Plan
from tablestore_memory.worker.failures.errors import Retryable
from tablestore_memory.worker.sessions.due import member
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS
from tablestore_memory.worker.stores.memories import Embedded
from tablestore_memory.worker.stores.memory import Memory
from tests.failures.ingesting import append, drain_all
from tests.foreign import give_session, put_memory, say_unowned

ASKED = 1  # the partition that requests to forget come through here


def ask_to_forget(
    deployment: Deployment, user: str, session: str | None = None, name: str = "f"
) -> str:
    """Publish the request, and see it moved to the requests. Returns its id."""
    event = Forget(
        event_id=f"{deployment.settings.prefix}-{name}",
        user_id=user,
        session_id=session,
        created_at=1,
    )
    append(deployment, ASKED, encode(event))
    drain_all(deployment, ASKED)
    return event.event_id


def carry_out_forgetting(deployment: Deployment, event_id: str) -> dict[str, Any]:
    """Try as the workers do, until it is verified. Returns the receipt."""

    def receipt() -> Any:
        try:
            deployment.services.requests.process(ASKED)
        except Retryable:
            return None
        return deployment.services.deletion_receipts.finished(event_id)

    return wait_until(receipt, "the request to forget is carried out and verified")


def forget(
    deployment: Deployment, user: str, session: str | None = None, name: str = "f"
) -> dict[str, Any]:
    return carry_out_forgetting(deployment, ask_to_forget(deployment, user, session, name))


def settle(deployment: Deployment) -> None:
    """Do all there is to do: events stored, requests carried out, sessions extracted, memories confirmed."""
    for partition in range(STATE_PARTITIONS):
        while deployment.services.ingest.drain(partition):
            pass
        deployment.services.requests.process(partition)
    extract_all(deployment)
    confirm_all(deployment)


def publish(
    deployment: Deployment,
    *lines: dict[str, Any],
    partition: int = 0,
    stream: str = "events",
    waited_ms: int = 0,
) -> None:
    """Straight into a stream; `waited_ms` is how long the publisher says it held them."""
    key = deployment.services.streams.key(partition, stream)
    for line in lines:
        fields: dict[Any, Any] = {EVENT_FIELD: encode(from_line(line))}
        if waited_ms:
            fields["waited_ms"] = waited_ms
        deployment.services.redis.xadd(key, fields)


def live(deployment: Deployment, *lines: dict[str, Any]) -> None:
    """Publish messages, and see them stored and remembered."""
    publish(deployment, *lines)
    settle(deployment)


def live_before_requests(deployment: Deployment, *lines: dict[str, Any]) -> None:
    """The same, while requests wait."""
    publish(deployment, *lines)
    drain_all(deployment, 0)
    extract_all(deployment)


def leave_something_everywhere(deployment: Deployment, *users: str, shared: str) -> None:
    """Of each user in each table and each key; `shared` is a session that all of them have. The sweep of
    sessions stands at the first one."""
    for user in users:
        _in_the_tables(deployment, user, shared)
    settle(deployment)
    for user in users:
        _by_another_program(deployment, user, shared)
        _in_the_streams(deployment, user, shared)
        _set_aside(deployment, user)
        _waiting(deployment, user)
        _marks(deployment, user)
    swept: Any = msgspec.json.encode([users[0], f"{users[0]}-home"])
    deployment.services.redis.set(deployment.services.keys.reconcile(), swept)


def _in_the_tables(deployment: Deployment, user: str, shared: str) -> None:
    home, late = f"{user}-home", f"{user}-late"
    now = now_ms(deployment.services.redis)
    an_hour_ahead, an_hour_behind = (now + 3_600_000) * 1000, (now - 3_600_000) * 1000
    publish(
        deployment,
        said(user, home, 1, "I live in Paris.", name="Ana"),
        said(user, home, 2, "I live in Lyon.", name="Ana"),
        said(user, shared, 3, f"{user} speaks here, too.", message_id=f"{user}-shared"),
        said(user, late, 4, "I like chess.", name="Ana", created_at=an_hour_ahead),
        said(user, late, 5, "I like tea.", name="Ana", created_at=an_hour_behind),
        {"type": "remember", "user_id": user, "text": "Answer me in French."},
        {
            "type": "remember",
            "user_id": user,
            "text": "-",
            "document": {
                "id": f"{user}-document",
                "type": "message",
                "content": [{"type": "text", "text": "A document."}],
            },
        },
    )


def _by_another_program(deployment: Deployment, user: str, shared: str) -> None:
    """As AgentScope's own services write: messages that name nobody, memories without our marks."""
    own = f"{user}-agentscope"
    give_session(deployment, user, own)
    for session in (own, shared):
        say_unowned(deployment, session, 7)
    put_memory(
        deployment, f"{user}-foreign", user_id=user, text="A foreign memory.", type="message"
    )


def _in_the_streams(deployment: Deployment, user: str, shared: str) -> None:
    publish(deployment, said(user, shared, 8, "On its way."), partition=3)
    over = SessionEnd(event_id="e", user_id=user, session_id=f"{user}-home", created_at=1)
    append(deployment, 2, encode(over))
    asked = Remember(event_id=f"{user}-r", user_id=user, text="Not yet.", created_at=1)
    key = deployment.services.streams.key(2, "requests")
    deployment.services.redis.xadd(key, {EVENT_FIELD: encode(asked)})


def _set_aside(deployment: Deployment, user: str) -> None:
    home = f"{user}-home"
    about = msgspec.json.encode({"user_id": user, "session_id": home, "message_ids": []})
    hidden = encode(
        Message(
            event_id="e",
            user_id=user,
            session_id=home,
            message_id="m",
            created_at=1,
            role="user",
            content="-",
            fields={"user_id": "somebody"},
        )
    )
    malformed = (
        '{"type": "message", "user_id": "%s", "score": NaN}',
        '{"type": "message", "user_id": "%s", "content": "\\ud800"}',
        '{"type": "message", "user_id" : "%s", "content": "cut off',
        '{"type": "message", "created_at": "soon", "user_id": "%s"}',
    )
    dead = deployment.services.dead
    dead.add(0, event=about, reason="given up", queue="extract")
    dead.add(5, event=hidden, reason="refused", queue="ingest")
    for text in malformed:
        dead.add(1, event=(text % user).encode(), reason="malformed", queue="ingest")


def _waiting(deployment: Deployment, user: str) -> None:
    """Sessions that have no row: one that waits, one that was taken, one that was given up, each planned."""
    services = deployment.services
    attempts = services.attempt.tries.attempts
    for name in ("waits", "taken", "given-up"):
        session = f"{user}-{name}"
        services.due.add(user, session, 1)
        partition, item = services.streams.partition(session), member(user, session)
        attempts.begin(partition, item)
        memory = Memory(user, f"{user} has a plan.", session, received_ms=now_ms(services.redis))
        found = Found((memory.identified(),))
        services.plans.keep(user, session, Plan(1, 2, found))
        if name != "waits":
            services.due.begin(user, session)
    services.due.give_up(user, f"{user}-given-up", "no answer")


def _marks(deployment: Deployment, user: str) -> None:
    """A memory to be decided on, a change that was begun, and memories that are looked for and have no row."""
    services = deployment.services
    partition = services.streams.partition(user)
    with services.remembering.lease(user) as lease:
        services.journal.end(user, "plan", lease, [f"{user}-undecided"])
    services.undecided.tries.attempts.begin(partition, user.encode())
    memory = Memory(user, f"{user} begins.", f"{user}-home", received_ms=now_ms(services.redis))
    change = Change(Embedded(memory.identified(), [0.5] * services.settings.embedding_dimension))
    entry = msgspec.msgpack.encode(Entry("plan", (change,)))
    services.redis.hset(services.streams.key(partition, "journal"), user, entry)
    half = msgspec.json.encode([user, f"{user}-half"])
    for key in ("confirm", "written"):
        services.redis.zadd(services.streams.key(partition, key), {half: 2**50})
    services.unindexed.add(user, [f"{user}-never-written"])

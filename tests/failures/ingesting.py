"""What the tests of ingestion share: messages, what became of them, and faults of the local Tablestore."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from devtools.deployment import Deployment
from devtools.faults import Faults
from tablestore_memory.protocol.events import Message, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.dead_letters import DeadLetter

# Making tables takes seconds, and keeping apart by users and sessions is enough for most tests.
SHARED_TABLES = {
    f"MEMORY_{kind.upper()}_TABLE": f"shared_{kind}"
    for kind in ("session", "message", "memory", "history", "cost", "audit")
}


def idle_deployment(
    redis_url: str, tablestore_url: str, dashscope_url: str, **variables: str
) -> Deployment:
    """Without workers, with its own prefix, on the shared tables: what is to be done the test does itself."""
    _make_shared_tables(redis_url, tablestore_url, dashscope_url)
    return Deployment(redis_url, tablestore_url, dashscope_url, **SHARED_TABLES, **variables)


@cache
def _make_shared_tables(*urls: str) -> None:
    """Once: that takes two seconds."""
    with Deployment(*urls, **SHARED_TABLES):
        pass


def message(session: str, number: int, text: str | None = None, **more: Any) -> Message:
    """Message `number` of a session of the user of the same name."""
    return Message(
        event_id=f"{session}-{number}",
        message_id=f"{session}-{number}",
        user_id=session,
        session_id=session,
        created_at=1_700_000_000_000_000 + number,
        role="user",
        content=text or f"text {number}",
        **more,
    )


def malformed(session: str, number: int, text: str | None = None) -> bytes:
    """The same from a publisher that does not keep the contract: it is set aside."""
    return encode(message(session, number, text)).replace(b'"role":"user"', b'"role":"robot"')


def append(deployment: Deployment, partition: int, *events: Message | bytes) -> None:
    """Put events, or raw bytes, straight into a partition's stream, and leave the millisecond in which Redis
    received them: a request to forget covers all of it."""
    redis, stream = deployment.services.redis, deployment.services.streams.events(partition)
    with redis.pipeline() as pipe:
        for event in events:
            raw = event if isinstance(event, bytes) else encode(event)
            pipe.xadd(stream, {EVENT_FIELD: raw})
        pipe.execute()
    received_ms = now_ms(redis)
    while now_ms(redis) == received_ms:
        pass


def drain_all(deployment: Deployment, partition: int) -> None:
    """Drain a partition in this process until nothing is left."""
    while deployment.services.ingest.drain(partition):
        pass


def texts(deployment: Deployment, session: str) -> list[str]:
    """What the rows of a session say, in order."""
    return [said.text for said in deployment.services.sessions.messages(session, session)]


def waiting(deployment: Deployment, partition: int) -> int:
    return int(deployment.services.redis.xlen(deployment.services.streams.events(partition)))


def dead(deployment: Deployment) -> list[DeadLetter]:
    return list(deployment.services.dead.all())


def fault(tablestore_url: str, kind: str, **fields: Any) -> AbstractContextManager[None]:
    """A fault of the local Tablestore, until the end of the block."""
    return Faults(tablestore_url).during(kind, **fields)

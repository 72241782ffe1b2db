"""What users asked for by name: remember this, forget that. In order, one at a time for each partition.

Ingestion moves such events to the stream `requests` when everything published before them is stored.
"""

from dataclasses import dataclass

import structlog
from redis import Redis

from producer.events import Forget, Remember, decode
from producer.streams import Streams
from worker.deadletters import DeadLetters
from worker.entries import oldest
from worker.errors import Busy, Final
from worker.extract.apply import Apply, apply
from worker.extract.consolidate import consolidate
from worker.extract.forget import Forgetting, forget
from worker.extract.neighbours import Neighbours
from worker.lease import Lease
from worker.stores.documents import document_text
from worker.stores.memories import Memory
from worker.stores.write import write_all

_TAKE_OFF = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('XDEL', KEYS[2], ARGV[2]) end
return -1
"""
_A_TURN = 50  # requests
_WAIT_FOR_USER_S = 5.0
log = structlog.get_logger()


@dataclass(frozen=True)
class Requests:
    """The collaborators of a turn at the requests of a partition."""

    redis: Redis
    streams: Streams
    neighbours: Neighbours
    application: Apply
    forgetting: Forgetting
    dead: DeadLetters


def carry_out(step: Requests, partition: int) -> int:
    """Do what was asked in a partition, oldest first. Returns how many requests were done.

    Raises Busy if another worker is at it; what fails for now stays and keeps its place.
    """
    done = 0
    with Lease(step.redis, step.streams.key(partition, "requests-lease")) as lease:
        for entry_id, raw in oldest(step.redis, step.streams.key(partition, "requests"), _A_TURN):
            try:
                _one(step, raw)
            except Final as error:
                step.dead.add(partition, event=raw, reason=str(error), queue="requests")
                log.warning("request.dead", entry_id=entry_id, reason=str(error))
            keys = [lease.key, step.streams.key(partition, "requests")]
            if int(step.redis.eval(_TAKE_OFF, 2, *keys, lease.token, entry_id)) < 0:
                raise Busy(lease.key)
            done += 1
    return done


def _one(step: Requests, raw: bytes) -> None:
    event = decode(raw)
    partition = step.streams.partition(event.user_id)
    key = step.streams.key(partition, f"lease:{event.user_id}")
    with Lease(step.redis, key, wait_s=_WAIT_FOR_USER_S):
        match event:
            case Remember(document=None):
                _remember(step, event)
            case Remember():
                _keep(step, event)
            case Forget():
                counts = forget(step.forgetting, event.user_id, event.session_id, event.created_at)
                log.info("user.forgotten", session_id=event.session_id, **counts)


def _remember(step: Requests, event: Remember) -> None:
    """As it stands, without asking what the facts are; beside what is known like any other."""
    memory = Memory(
        user_id=event.user_id,
        session_id=event.session_id or "",
        text=event.text,
        kind="instruction",
        said_by="user",
        valid_from=event.created_at,
    ).identified()
    vectors = step.application.qwen.embed([memory.text])
    known = step.neighbours.of(event.user_id, [memory], vectors)
    apply(
        step.application,
        event.user_id,
        consolidate(step.application.qwen, [memory], known),
    )
    log.info("memory.remembered", document_id=memory.document_id)


def _keep(step: Requests, event: Remember) -> None:
    """A document of an AgentScope app, under its own id: beside what is known, replacing nothing."""
    application = step.application
    text = document_text(event)
    vectors = application.qwen.embed([text]) if text else [[]]
    row = application.memories.document(event, vectors[0])
    document_id = str(row.key[0][1])
    application.unseen.add(event.user_id, [document_id])
    write_all(application.client, [row])
    log.info("memory.kept", document_id=document_id)

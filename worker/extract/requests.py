"""What users asked for by name: remember this, forget that. In order, one at a time for each partition.

Ingestion moves such events to the stream `requests` when everything published before them is stored.
"""

from dataclasses import dataclass

import structlog
from msgspec.structs import replace
from redis import Redis

from tablestore_memory.protocol.events import Forget, Remember, decode, encode
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.deadletters import REQUESTS, DeadLetters
from tablestore_memory.worker.entries import oldest
from tablestore_memory.worker.errors import Busy, Final, SecretRefused
from tablestore_memory.worker.extract.forget import Forgetting, Scope, forget
from tablestore_memory.worker.extract.forgotten import forgotten
from tablestore_memory.worker.extract.keep import is_forgotten, keep_document
from tablestore_memory.worker.extract.remember import Remembering, remember, users_turn
from tablestore_memory.worker.extract.secrets import holds_secret, masked
from tablestore_memory.worker.lease import Lease
from tablestore_memory.worker.stores.documents import document_text
from tablestore_memory.worker.stores.memories import Embedded, Memory

_TAKE_OFF = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('XDEL', KEYS[2], ARGV[2]) end
return -1
"""
_A_TURN = 50  # requests
log = structlog.get_logger()


@dataclass(frozen=True)
class Requests:
    """The collaborators of a turn at the requests of a partition."""

    redis: Redis
    streams: Streams
    remembering: Remembering
    forgetting: Forgetting
    dead: DeadLetters


def carry_out(step: Requests, partition: int) -> int:
    """Do what was asked in a partition, oldest first. Returns how many requests were done.

    Raises Busy if another worker is at it; what fails for now stays and keeps its place.
    """
    done = 0
    with Lease(step.redis, step.streams.key(partition, "requests-lease")) as lease:
        for entry in oldest(step.redis, step.streams.key(partition, "requests"), _A_TURN):
            try:
                _one(step, entry.raw, entry.received_ms)
            except Final as error:
                kind = type(error).__name__
                step.dead.add(
                    partition,
                    event=_masked(entry.raw),
                    reason=str(error),
                    queue=REQUESTS,
                    error=kind,
                    received_ms=entry.received_ms,
                )
                log.warning("request.dead", entry_id=entry.entry_id, reason=str(error))
            keys = [lease.key, step.streams.key(partition, "requests")]
            if int(step.redis.eval(_TAKE_OFF, 2, *keys, lease.token, entry.entry_id)) < 0:
                raise Busy(lease.key)
            done += 1
    return done


def _one(step: Requests, raw: bytes, received_ms: int) -> None:
    event = decode(raw)
    match event:
        case Remember(document=None):
            _remember(step.remembering, event, received_ms)
        case Remember():
            _keep(step.remembering, event, received_ms)
        case Forget():
            _forget(step, event, received_ms)


def _remember(step: Remembering, event: Remember, received_ms: int) -> None:
    """As it stands, without asking what the facts are; beside what is known like any other."""
    memory = Memory(
        user_id=event.user_id,
        session_id=event.session_id or "",
        text=event.text,
        kind="instruction",
        said_by="user",
        valid_from=event.created_at,
        stated_at=event.created_at,
        received_ms=received_ms,
    ).identified()
    if forgotten(step.tombstones, [memory]):
        return
    if holds_secret(event.text):
        raise SecretRefused("the text holds a secret: a key, a password, a card or ID number")
    (vector,) = step.qwen.embed([memory.text])
    fact = Embedded(memory, vector)
    # Asked for by name, it does not wait for an index that is behind.
    remember(step, event.user_id, [fact], plan_id=event.event_id, patient=False)
    log.info("memory.remembered", document_id=memory.document_id)


def _keep(step: Remembering, event: Remember, received_ms: int) -> None:
    """A document of an AgentScope app, under its own id: beside what is known, replacing nothing."""
    if is_forgotten(step.application, event, received_ms):
        return
    text = document_text(event)
    vectors = step.qwen.embed([text]) if text else [[]]
    with users_turn(step, event.user_id) as turn:
        keep_document(step.application, event, vectors[0], received_ms, turn.still_ours)


def _forget(step: Requests, event: Forget, received_ms: int) -> None:
    # Noted before it has its turn: what is on its way meanwhile does not come back.
    step.remembering.tombstones.note(event.user_id, event.session_id, received_ms)
    scope = Scope(event.user_id, event.session_id, received_ms)
    with users_turn(step.remembering, event.user_id):
        receipt = forget(step.forgetting, scope, event.event_id)
    log.info("user.forgotten", **receipt)


def _masked(raw: bytes) -> bytes:
    """An event for the dead letters: they are listed, so no secret goes there."""
    event = decode(raw)
    return encode(replace(event, text=masked(event.text))) if isinstance(event, Remember) else raw

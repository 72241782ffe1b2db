"""What is done for one request: a text or a document remembered, a memory corrected or deleted, a user or a
session forgotten.
"""

from contextlib import AbstractContextManager

import structlog
from msgspec.structs import replace

from tablestore_memory.protocol.events import (
    DeleteMemory,
    EditMemory,
    Event,
    Forget,
    Remember,
)
from tablestore_memory.protocol.traces import is_traceparent
from tablestore_memory.worker.consolidation.by_hand import ByHand
from tablestore_memory.worker.consolidation.forgotten import forgotten
from tablestore_memory.worker.consolidation.keep import is_forgotten, keep_document
from tablestore_memory.worker.consolidation.remember import Remembering
from tablestore_memory.worker.failures.errors import SecretRefused
from tablestore_memory.worker.forget import Forgetting, Scope
from tablestore_memory.worker.qwen.asked_for import Asker, asked_for
from tablestore_memory.worker.secrets.masking import holds_secret, masked, masked_texts
from tablestore_memory.worker.stores.documents import document_text
from tablestore_memory.worker.stores.memories import Embedded, Memory
from tablestore_memory.worker.tracing import spans
from tablestore_memory.worker.tracing.content import ids

log = structlog.get_logger()


class RequestWork:
    """Does what is asked for by name, whole: done again it changes nothing more."""

    def __init__(self, remembering: Remembering, forgetting: Forgetting) -> None:
        self._remembering = remembering
        self._by_hand = ByHand(remembering)
        self._forgetting = forgetting

    def carry_out(self, event: Event, received_ms: int) -> None:
        """Raises what keeps it from being done."""
        with asked_for(asker=Asker(event.user_id, received_ms)), _span_of(event):
            match event:
                case Remember(document=None):
                    self._remember(event, received_ms)
                case Remember():
                    self._keep(event, received_ms)
                case EditMemory():
                    _refuse_secret(event.text or "")
                    self._by_hand.edit(event)
                case DeleteMemory():
                    self._by_hand.delete(event, received_ms)
                case Forget():
                    self._forget(event, received_ms)

    def _remember(self, event: Remember, received_ms: int) -> None:
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
        if forgotten(self._remembering.tombstones, [memory]):
            return
        _refuse_secret(event.text)
        (vector,) = self._remembering.qwen.embed([memory.text])
        fact = Embedded(memory, vector)
        # Asked for by name, it does not wait for an index that is behind.
        self._remembering.remember(
            event.user_id, [fact], plan_id=event.event_id, wait_for_index=False
        )
        log.info("memory.remembered", document_id=memory.document_id)

    def _keep(self, event: Remember, received_ms: int) -> None:
        """A document of an AgentScope app, under its own id: beside what is known, replacing nothing.

        It is a message of a conversation, so its secrets are masked and the rest of it is kept.
        """
        if is_forgotten(self._remembering.application, event, received_ms):
            return
        event = without_secrets(event)
        text = document_text(event)
        vectors = self._remembering.qwen.embed([text]) if text else [[]]
        with self._remembering.user_lease(event.user_id) as held:
            keep_document(
                self._remembering.application,
                event,
                vectors[0],
                received_ms,
                held.ensure_lease_held,
            )

    def _forget(self, event: Forget, received_ms: int) -> None:
        # Noted before it has its turn: what is on its way meanwhile does not come back.
        self._remembering.tombstones.note(event.user_id, event.session_id, received_ms)
        scope = Scope(event.user_id, event.session_id, received_ms)
        with self._remembering.user_lease(event.user_id):
            receipt = self._forgetting.carry_out(scope, event.event_id)
        log.info("user.forgotten", **receipt)


def _span_of(event: Event) -> AbstractContextManager[spans.Note]:
    trace = event.traceparent
    return spans.span(
        spans.REQUEST.format(type=event.__struct_config__.tag),
        ids(event.user_id, event.session_id),
        kind="CONSUMER",
        parent=trace if trace and is_traceparent(trace) else None,
    )


def _refuse_secret(text: str) -> None:
    if holds_secret(text):
        raise SecretRefused("the text holds a secret: a key, a password, a card or ID number")


def without_secrets(event: Remember) -> Remember:
    return replace(
        event,
        text=masked(event.text),
        metadata=event.metadata and masked_texts(event.metadata),
        document=event.document and masked_texts(event.document),
    )

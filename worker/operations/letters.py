"""Dead letters for people: what may be told of one without its text, and trying it again."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from tablestore_memory.worker.services import RedisServices
from tablestore_memory.worker.sessions.due import FROM_WATERMARK
from tablestore_memory.worker.state.dead_letters import EXTRACT, INGEST, REQUESTS, DeadLetter
from tablestore_memory.worker.stores.messages import Turn

QUEUES = (INGEST, REQUESTS, EXTRACT)
_IDS = ("type", "user_id", "session_id", "message_id", "memory_id", "event_id")

MessagesOf = Callable[[str, str], Iterable[Turn]]
"""Those of a user's session, which stand in Tablestore."""


def ids_of(letter: DeadLetter) -> dict[str, str]:
    """The ids of its event, as far as it can be read; a malformed one may hold none."""
    try:
        fields = msgspec.json.decode(letter.event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    if not isinstance(fields, dict):
        return {}
    return {
        name: value[:100] for name in _IDS if isinstance(value := fields.get(name), str) and value
    }


def user_of(letter: DeadLetter) -> str:
    """For the audit; empty if it names none."""
    return ids_of(letter).get("user_id", "")


def retry(services: RedisServices, letter: DeadLetter, messages_of: MessagesOf) -> bool:
    """Put it back into its queue; what cannot be done comes back. False if it was gone."""
    if letter.queue != EXTRACT:
        return services.dead.requeue(letter)
    about = msgspec.json.decode(letter.event, type=_About)
    stamps = _stamps(about, messages_of)
    services.due.add(about.user_id, about.session_id, min(stamps, default=FROM_WATERMARK))
    return services.dead.discard(letter)


class _About(msgspec.Struct):
    """What a dead letter of an extraction names; no messages: all that waits in the session."""

    user_id: str
    session_id: str
    message_ids: list[str] = []


def _stamps(about: _About, messages_of: MessagesOf) -> Iterator[int]:
    """When its messages were said."""
    if about.message_ids:
        for said in messages_of(about.user_id, about.session_id):
            if said.message_id in about.message_ids:
                yield said.created_at

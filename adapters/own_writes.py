"""What this process published and may not find in the store yet, so that it reads its own writes.

Frameworks make a session object for every request: what is kept here belongs to the publisher.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from tablestore_memory.producer import Event, Publisher, from_line
from tablestore_memory.producer.clock import Clock
from tablestore_memory.producer.pending import MAX_PENDING, Pending
from tablestore_memory.protocol.events import DeleteMemory, Message, Remember

SessionKey = tuple[str, str]  # user, session
_Id = tuple[int, str]  # created_at in µs, message id: the rest of a row's key


class OwnWrites:
    """Of one publisher; from any thread."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._lock = threading.Lock()
        self._messages: Pending[SessionKey, _Id, Message] = Pending()
        self._memories: Pending[str, str, Remember | DeleteMemory] = Pending()
        self._forgotten: OrderedDict[SessionKey, int] = OrderedDict()

    def complete(self, draft: Mapping[str, Any]) -> Event:
        """The event of a draft, with its id and stamp. Raises MalformedEvent."""
        return from_line({**draft, "event_id": uuid4().hex, "created_at": self._clock.now_us()})

    def said(self, message: Message) -> None:
        """It was published."""
        with self._lock:
            self._messages.add(_session(message), _id(message), message)

    def forgotten(self, key: SessionKey, upto: int) -> None:
        """What was said in a session up to a moment (µs) is being forgotten."""
        with self._lock:
            self._messages.discard(key, list(self._messages.of(key)))
            self._forgotten[key] = upto
            if len(self._forgotten) > MAX_PENDING:
                self._forgotten.popitem(last=False)

    def merged(self, key: SessionKey, stored: Iterable[Message]) -> list[Message]:
        """What is stored and what is on its way, in order, without what is being forgotten."""
        messages = {_id(message): message for message in stored}
        with self._lock:
            self._messages.discard(key, list(messages))
            messages |= self._messages.of(key)
            upto = self._forgotten.get(key, -1)
        return [messages[each] for each in sorted(messages) if each[0] > upto]

    def asked(self, event: Remember | DeleteMemory, memory_id: str) -> None:
        """It was published, about what is known by this id."""
        with self._lock:
            self._memories.add(event.user_id, memory_id, event)

    def on_its_way(
        self, user_id: str, memory_id: str, stored_at: int
    ) -> Remember | DeleteMemory | None:
        """What was last asked about an id, unless what is stored there (µs; 0: nothing) is as new."""
        with self._lock:
            event = self._memories.of(user_id).get(memory_id)
            if event is not None and event.created_at <= stored_at:
                self._memories.discard(user_id, [memory_id])
                return None
            return event


_of: WeakKeyDictionary[Publisher, OwnWrites] = WeakKeyDictionary()
_making = threading.Lock()


def own_writes(publisher: Publisher) -> OwnWrites:
    """Those of this publisher."""
    with _making:
        return _of.setdefault(publisher, OwnWrites())


def _session(message: Message) -> SessionKey:
    return message.user_id, message.session_id


def _id(message: Message) -> _Id:
    return message.created_at, message.message_id

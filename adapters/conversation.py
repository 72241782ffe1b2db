"""One session of a user: messages go in by the publisher, and come back from the store."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from tablestore_memory.adapters.own_writes import own_writes
from tablestore_memory.adapters.process import shared_recall
from tablestore_memory.producer import Message, Publisher
from tablestore_memory.producer.pending import shared_publisher
from tablestore_memory.recall import Recall


class Conversation:
    """Costs nothing to make: what it must remember belongs to the publisher."""

    def __init__(
        self,
        user_id: str,
        session_id: str,
        *,
        publisher: Publisher | None = None,
        recall: Recall | None = None,
    ) -> None:
        self._key = (user_id, session_id)
        self._publisher = publisher or shared_publisher()
        self._recall = recall
        self._own = own_writes(self._publisher)

    def say(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Publish messages, each as the arguments of `Publisher.message`: all, or none if one is malformed.

        No call touches the network. Raises MalformedEvent, and what the publisher's policy says.
        """
        whose = {"type": "message", **self._named}
        events = [cast(Message, self._own.complete({**whose, **message})) for message in messages]
        for event in events:
            self._publisher.publish(event)
            self._own.said(event)

    def messages(self, last: int | None = None) -> list[Message]:
        """What was said, in order, what this process published included: all, or the last so many.

        Raises what the store raises.
        """
        recall = self._recall or shared_recall()
        user_id, session_id = self._key
        stored = recall.session(user_id=user_id, session_id=session_id, last=last)
        merged = self._own.merged(self._key, stored)
        return merged if last is None else merged[max(0, len(merged) - last) :]

    def forget(self) -> None:
        """Have the session forgotten, and what was remembered of it; here it is empty at once."""
        event = self._own.complete({"type": "forget", **self._named})
        self._publisher.publish(event)
        self._own.forgotten(self._key, event.created_at)

    @property
    def _named(self) -> dict[str, str]:
        user_id, session_id = self._key
        return {"user_id": user_id, "session_id": session_id}

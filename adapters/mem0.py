"""A client in the shape of mem0's for the long-term memory middleware of AgentScope 2.x.

    client = Mem0Client(published=True)
    agent = Agent(…, middlewares=[PublishingMiddleware("ana"), Mem0Middleware(user_id="ana", client=client)])

All of its modes: what it asks before a reply and what its tools ask is recalled; what its tool adds is remembered
as it is; an exchange that it adds after a reply is published, unless PublishingMiddleware does that.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tablestore_memory.adapters.errors import Unsupported
from tablestore_memory.adapters.process import ROOM_FOR_ALL, shared_recall
from tablestore_memory.producer import Publisher
from tablestore_memory.producer.pending import shared_publisher
from tablestore_memory.recall import Recall, RecalledMemory

Messages = str | Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Mem0Client:
    """Exchanges are published as the session `session_id`, or are `published` by another: one of the two."""

    def __init__(
        self,
        session_id: str | None = None,
        *,
        published: bool = False,
        publisher: Publisher | None = None,
        recall: Recall | None = None,
    ) -> None:
        """Raises ValueError if exchanges would be published by nobody, or twice."""
        if (session_id is None) is not published:
            raise ValueError("either session_id, or published=True beside PublishingMiddleware")
        self._session_id = session_id
        self._publisher = publisher or shared_publisher()
        self._given = recall

    async def search(
        self,
        query: str,
        *,
        filters: Mapping[str, Any],
        top_k: int = 5,
        threshold: float | None = None,
    ) -> dict[str, Any]:
        """`results`, the best first, each with `id`, `memory` (its text with its dates), `score` and `metadata`.

        Raises Unsupported for another filter than `user_id`, and for a threshold.
        """
        if threshold is not None:
            raise Unsupported("threshold: scores order one search, they are no similarities")
        user_id = _user(filters)
        recall = self._given or shared_recall()
        found = await recall.aio(user_id=user_id, query=query, tokens=ROOM_FOR_ALL, facts_share=1)
        return {"results": [_result(memory) for memory in found.memories[:top_k]]}

    async def add(
        self, messages: Messages, *, user_id: str, infer: bool = True, **scope: Any
    ) -> dict[str, Any]:
        """An exchange is published, and `results` is empty: facts come later. What one side says alone, or is not
        to be inferred from (`infer`), is remembered line by line, as it is. Waits for no network.

        Raises Unsupported for a scope beside the user, and MalformedEvent.
        """
        _user({"user_id": user_id, **scope})
        said = list(_messages(messages))
        if infer and len({message["role"] for message in said}) > 1:
            self._publish(user_id, said)
            return {"results": []}
        lines = [line for message in said for line in str(message["content"]).splitlines()]
        return {"results": [self._remember(user_id, line) for line in lines if line.strip()]}

    def _publish(self, user_id: str, messages: Sequence[Mapping[str, Any]]) -> None:
        if self._session_id is None:
            return
        for message in messages:
            self._publisher.message(user_id=user_id, session_id=self._session_id, **message)

    def _remember(self, user_id: str, text: str) -> dict[str, Any]:
        event_id = self._publisher.remember(user_id=user_id, text=text, session_id=self._session_id)
        return {"id": event_id, "memory": text, "event": "ADD"}


def _user(filters: Mapping[str, Any]) -> str:
    others = {name for name, value in filters.items() if value is not None} - {"user_id"}
    if others:
        raise Unsupported(f"{', '.join(sorted(others))}: memories are a user's, give user_id alone")
    return str(filters["user_id"])


def _messages(given: Messages) -> Iterator[Mapping[str, Any]]:
    if isinstance(given, str):
        yield {"role": "user", "content": given}
    elif isinstance(given, Mapping):
        yield given
    else:
        yield from given


def _result(memory: RecalledMemory) -> dict[str, Any]:
    return {
        "id": memory.id,
        "memory": _line(memory),
        "score": memory.score,
        "metadata": {"kind": memory.kind, "since": memory.since.isoformat()},
    }


def _line(memory: RecalledMemory) -> str:
    """With its day: "last week" in a prompt is another week."""
    day = memory.event_start or memory.since.date().isoformat()
    return f"{memory.text} ({day})"

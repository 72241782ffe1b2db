"""A store of LangGraph over the memories of users.

    graph = builder.compile(store=MemoryStore())
    store.put(("memories", "ana"), "home", {"text": "Ana lives in Paris."})
    store.search(("memories", "ana"), query="Where does Ana live?")

A namespace is a prefix and a user. What is put is remembered as it is, under its key; beside it stand the facts
that were extracted from what was said. What is deleted is deleted for good, be it put or extracted. A search shows
both once a worker has done it, `get` at once.

| asked for | |
|---|---|
| a value other than `{"text": …}`, `ttl`, `index` | Unsupported: a memory is one text, and searched |
| `filter` | by `kind` alone, else Unsupported |
| other namespaces, `list_namespaces` | Unsupported: memories are a user's, and users are not listed |
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
)

from tablestore_memory.adapters.errors import Unsupported
from tablestore_memory.adapters.own_writes import own_writes
from tablestore_memory.adapters.process import ROOM_FOR_ALL, shared_recall
from tablestore_memory.producer import Publisher, Remember
from tablestore_memory.producer.lines import to_micros
from tablestore_memory.producer.pending import shared_publisher
from tablestore_memory.protocol.documents import possible_ids
from tablestore_memory.protocol.events import DeleteMemory
from tablestore_memory.recall import Recall, RecalledMemory
from tablestore_memory.recall.asked import KINDS
from tablestore_memory.worker.stores.documents import DOCUMENT

Namespace = tuple[str, ...]


class MemoryStore(BaseStore):
    """`prefix` is what comes before the user in a namespace."""

    def __init__(
        self,
        *,
        prefix: Namespace = ("memories",),
        publisher: Publisher | None = None,
        recall: Recall | None = None,
    ) -> None:
        self._prefix = prefix
        self._publisher = publisher or shared_publisher()
        self._given = recall
        self._own = own_writes(self._publisher)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """One after another. Raises Unsupported, MalformedEvent, or what the store raises."""
        return [self._done(op) for op in ops]

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """The same; the event loop goes on meanwhile."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _done(self, op: Op) -> Result:
        match op:
            case GetOp():
                return self._get(self._user(op.namespace), op.key)
            case PutOp():
                self._put(self._user(op.namespace), op)
                return None
            case SearchOp():
                return self._search(self._user(op.namespace_prefix), op)
            case _:
                raise Unsupported("list_namespaces: users are not listed")

    def _user(self, namespace: Sequence[str]) -> str:
        *prefix, user_id = namespace or ("",)
        if tuple(prefix) != self._prefix:
            wanted = ", ".join(map(repr, self._prefix))
            raise Unsupported(f"namespace: must be ({wanted}, user)")
        return user_id

    def _get(self, user_id: str, key: str) -> Item | None:
        found = self._recall.memories(user_id=user_id, ids=_ids(user_id, key))
        stored_at = to_micros(found[0].since) if found else 0
        event = self._own.on_its_way(user_id, key, stored_at)
        if isinstance(event, DeleteMemory):
            return None
        if event is not None:
            at = datetime.fromtimestamp(event.created_at / 1e6, UTC)
            return self._item(user_id, key, event.text, DOCUMENT, at, at)
        return self._told(user_id, found[0], key=key) if found else None

    def _put(self, user_id: str, op: PutOp) -> None:
        if op.value is None:
            self._delete(user_id, op.key)
            return
        text = _text(op, op.value)
        message = {"id": op.key, "role": "user", "content": [{"type": "text", "text": text}]}
        draft = {"type": "remember", "user_id": user_id, "text": text, "document": message}
        event = cast(Remember, self._own.complete(draft))
        self._publisher.publish(event)
        self._own.asked(event, op.key)

    def _delete(self, user_id: str, key: str) -> None:
        """Wherever it may stand: where nothing does, that is nothing to a worker."""
        for memory_id in _ids(user_id, key):
            draft = {"type": "delete_memory", "user_id": user_id, "memory_id": memory_id}
            event = cast(DeleteMemory, self._own.complete(draft))
            self._publisher.publish(event)
            self._own.asked(event, key)

    def _search(self, user_id: str, op: SearchOp) -> list[SearchItem]:
        """Of a search with a query what it finds in time, the best first; without one all, the latest first."""
        kinds = _kinds(op)
        if op.query:
            found: Sequence[RecalledMemory] = self._recall(
                user_id=user_id, query=op.query, tokens=ROOM_FOR_ALL, facts_share=1, kinds=kinds
            ).memories
        else:
            every = self._recall.memories(user_id=user_id)
            found = [each for each in every if kinds is None or each.kind in kinds]
        return [
            self._told(user_id, each, score=each.score if op.query else None)
            for each in found[op.offset : op.offset + op.limit]
        ]

    def _told(
        self,
        user_id: str,
        memory: RecalledMemory,
        *,
        key: str | None = None,
        score: float | None = None,
    ) -> SearchItem:
        return self._item(
            *(user_id, key or memory.id, memory.text, memory.kind),
            *(memory.since, memory.stated_at, score),
        )

    def _item(
        self,
        user_id: str,
        key: str,
        text: str,
        kind: str,
        since: datetime,
        stated_at: datetime,
        score: float | None = None,
    ) -> SearchItem:
        return SearchItem(
            namespace=(*self._prefix, user_id),
            key=key,
            value={"text": text, "kind": kind},
            created_at=since,
            updated_at=stated_at,
            score=score,
        )

    @property
    def _recall(self) -> Recall:
        return self._given or shared_recall()


def _ids(user_id: str, key: str) -> list[str]:
    """Where it may stand: a fact under its own, what was put under one of those that `possible_ids` gives."""
    return list(dict.fromkeys((*possible_ids(key, user_id), key)))


def _text(op: PutOp, value: Mapping[str, Any]) -> str:
    """What is to be remembered."""
    if op.ttl is not None:
        raise Unsupported("ttl: a memory stands until it is forgotten")
    if op.index not in (None, ["text"]):
        raise Unsupported("index: a memory is searched by its text, always")
    text = value.get("text")
    if not isinstance(text, str) or value.keys() - {"text", "kind"}:
        raise Unsupported('value: must be {"text": …}, a memory is one text')
    if value.get("kind", DOCUMENT) != DOCUMENT:
        raise Unsupported(f"kind: what is put is a {DOCUMENT}; facts are extracted")
    return text


def _kinds(op: SearchOp) -> list[str] | None:
    if not op.filter:
        return None
    kind = op.filter.get("kind")
    if op.filter.keys() != {"kind"} or kind not in KINDS:
        raise Unsupported(f'filter: must be {{"kind": …}} with one of {", ".join(KINDS)}')
    return [kind]

"""The memory service of AgentScope Runtime 1.0.5, added to in the background.

`add_memory` publishes and returns: workers embed and store each message as it is, under its own id, as
that class does. The rest is read from Tablestore. Its search index shows a row 1 to 3 s late; what this
process added and the index does not show yet is merged in, what it deleted is left out.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import tablestore
from agentscope_runtime.engine.schemas.agent_schemas import Message
from agentscope_runtime.engine.services.memory import tablestore_memory_service as runtime
from agentscope_runtime.engine.services.utils.tablestore_service_utils import (
    convert_messages_to_tablestore_documents,
    convert_tablestore_document_to_message,
    get_message_metadata_names,
)
from tablestore_for_agent_memory.base.base_knowledge_store import Document
from tablestore_for_agent_memory.base.filter import Filters

from tablestore_memory.producer.agentscope import nearness
from tablestore_memory.producer.agentscope.background import InBackground
from tablestore_memory.producer.agentscope.messages import as_messages, document, reading, text_of
from tablestore_memory.producer.pending import Pending
from tablestore_memory.protocol.documents import possible_ids
from tablestore_memory.protocol.errors import EventTooLarge

SearchStrategy = runtime.SearchStrategy

_AT_ONCE = 100  # ids a search can ask for, rows a page can show
_TOP_K = 100  # AgentScope's default


class TablestoreMemoryService(InBackground, runtime.TablestoreMemoryService):
    """Takes the arguments of AgentScope's class and those of InBackground."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._added: Pending[str, str, nearness.Added] = Pending()
        self._deleted: Pending[str, str, None] = Pending()

    async def add_memory(
        self, user_id: str, messages: list[Any], session_id: str | None = None
    ) -> None:
        """Publish each message and return. Raises MalformedEvent for what no row could hold."""
        for message in as_messages(messages or []):
            whole = document(message)
            event = {"type": "remember", "user_id": user_id, "session_id": session_id or None}
            try:
                self._publisher.publish({**event, "text": reading(whole), "document": whole})
            except EventTooLarge:
                await self._store(user_id, session_id, message)
            else:
                added = nearness.Added(whole, text_of(whole), session_id)
                self._added.add(user_id, message.id, added)
            self._deleted.discard(user_id, [message.id])

    async def search_memory(
        self, user_id: str, messages: list[Any], filters: dict[str, Any] | None = None
    ) -> list[Message]:
        """The nearest to the last message's text. By words, those on their way come first; by
        vectors, each comes where its score puts it."""
        query = await self.get_query_text(messages[-1]) if messages else ""
        if not query:
            return []
        given = (filters or {}).get("top_k")
        top_k = given if isinstance(given, int) else _TOP_K
        added = await self._unshown(user_id)
        if self._search_strategy == SearchStrategy.VECTOR:
            return await self._nearest(user_id, query, top_k, added)
        return await self._matching(user_id, query, top_k, added)

    async def list_memory(
        self, user_id: str, filters: dict[str, Any] | None = None
    ) -> list[Message]:
        """One page (`page_num` from 1, `page_size`), those on their way after all others."""
        number = (filters or {}).get("page_num", 1)
        size = (filters or {}).get("page_size", 10)
        if number < 1 or size < 1:
            raise ValueError("page_num and page_size must be greater than 0.")
        added = await self._unshown(user_id)
        found = await self._found(Filters.eq("user_id", user_id), number * size)
        known = {hit.document_id for hit in found}
        messages = self._messages(user_id, found)
        messages += [
            each.message()
            for key, each in added.items()
            if known.isdisjoint(possible_ids(key, user_id))
        ]
        return messages[(number - 1) * size : number * size]

    async def delete_memory(self, user_id: str, session_id: str | None = None) -> None:
        """Delete all of a user, or of one of the sessions. Raises NotStoredYet if some of it is
        still on its way after `arrives_s`: it would come back."""
        own = await self._arrived(user_id, session_id)
        wanted = Filters.eq("user_id", user_id)
        if session_id:
            wanted = Filters.logical_and([wanted, Filters.eq("session_id", session_id)])
        ids = {hit.document_id for hit in await self._found(wanted, None)} | own.keys()
        store = self._knowledge_store
        await asyncio.gather(*(store.delete_document(document_id) for document_id in ids))
        self._added.discard(user_id, own.values())
        for document_id in ids:
            self._deleted.add(user_id, document_id, None)

    async def _store(self, user_id: str, session_id: str | None, message: Message) -> None:
        """Too large for an event (256 KiB), not for a row: straight to the store, embedded in a
        thread."""
        (row,) = await asyncio.to_thread(
            convert_messages_to_tablestore_documents,
            [message],
            user_id,
            session_id or self._DEFAULT_SESSION_ID,
            self._embedding_model,
        )
        places = possible_ids(message.id, user_id)
        own = await self._own(user_id, [message.id])
        rows = await self._knowledge_store.get_documents(list(places))
        free = [place for place, there in zip(places, rows, strict=True) if there is None]
        row.document_id = next(iter([*own, *free, places[-1]]))
        await self._knowledge_store.put_document(row)

    async def _matching(
        self, user_id: str, query: str, top_k: int, added: dict[str, nearness.Added]
    ) -> list[Message]:
        found = await self._knowledge_store.full_text_search(
            query=query,
            metadata_filter=Filters.eq("user_id", user_id),
            limit=top_k,
            meta_data_to_get=get_message_metadata_names(),
        )
        stored = self._messages(user_id, [hit.document for hit in found.hits])
        sharing = nearness.by_words(query, added.values())
        # For the second or two that this lasts they are not to crowd out what is known.
        room = max(top_k - len(stored), (top_k + 1) // 2)
        return [*(each.message() for each in sharing[:room]), *stored][:top_k]

    async def _nearest(
        self, user_id: str, query: str, top_k: int, added: dict[str, nearness.Added]
    ) -> list[Message]:
        model = self._embedding_model
        vector = await asyncio.to_thread(model.embed_query, query)
        await asyncio.to_thread(nearness.embed, model, added.values())
        found = await self._knowledge_store.vector_search(
            query_vector=vector,
            metadata_filter=Filters.eq("user_id", user_id),
            top_k=top_k,
            meta_data_to_get=get_message_metadata_names(),
        )
        deleted = self._deleted.of(user_id)
        scored = [
            (hit.score or 0.0, convert_tablestore_document_to_message(hit.document))
            for hit in found.hits
            if hit.document.document_id not in deleted
        ]
        scored += [
            (nearness.score(vector, each.vector), each.message())
            for each in added.values()
            if each.vector
        ]
        scored.sort(key=lambda pair: -pair[0])
        return [message for _, message in scored[:top_k]]

    async def _found(self, wanted: Any, count: int | None) -> list[Document]:
        """The documents that the index shows, page by page, up to `count`."""
        found: list[Document] = []
        token = None
        while count is None or len(found) < count:
            page = await self._knowledge_store.search_documents(
                metadata_filter=wanted,
                limit=_AT_ONCE if count is None else min(_AT_ONCE, count - len(found)),
                next_token=token,
                meta_data_to_get=get_message_metadata_names(),
            )
            found += [hit.document for hit in page.hits]
            token = page.next_token
            if not token:
                break
        return found

    def _messages(self, user_id: str, found: Iterable[Document]) -> list[Message]:
        deleted = self._deleted.of(user_id)
        return [
            convert_tablestore_document_to_message(each)
            for each in found
            if each.document_id not in deleted
        ]

    async def _unshown(self, user_id: str) -> dict[str, nearness.Added]:
        """What this process added and the index does not show; forget what it has caught up with."""
        added, deleted = self._added.of(user_id), self._deleted.of(user_id)
        ids = [*added, *deleted]
        for start in range(0, len(ids), _AT_ONCE // 2):  # each may stand under two ids
            asked = ids[start : start + _AT_ONCE // 2]
            shown = await self._shown(user_id, asked)
            self._added.discard(user_id, shown)
            self._deleted.discard(user_id, set(asked) - shown)
        return self._added.of(user_id)

    async def _shown(self, user_id: str, document_ids: list[str]) -> set[str]:
        """Which of the user's documents the index shows, under whichever id they are kept."""
        names = _names(user_id, document_ids)
        wanted = tablestore.BoolQuery(
            filter_queries=[
                tablestore.TermsQuery("document_id", list(names)),
                tablestore.TermQuery("user_id", user_id),
            ]
        )
        response = await self._tablestore_client.search(
            self._table_name,
            self._SEARCH_INDEX_NAME,
            tablestore.SearchQuery(wanted, limit=_AT_ONCE),
            tablestore.ColumnsToGet(return_type=tablestore.ColumnReturnType.NONE),
        )
        return {names[row[0][0][1]] for row in response.rows}

    async def _own(self, user_id: str, document_ids: list[str]) -> dict[str, str]:
        """The user's rows by primary key, each with the id that the app knows it by."""
        names = _names(user_id, document_ids)
        rows = await self._knowledge_store.get_documents(list(names))
        own = [row for row in rows if row is not None and row.metadata.get("user_id") == user_id]
        return {row.document_id: names[row.document_id] for row in own}

    async def _arrived(self, user_id: str, session_id: str | None) -> dict[str, str]:
        """The rows of what this process added, once all of it is stored, each with the app's id."""
        ids = [
            document_id
            for document_id, added in self._added.of(user_id).items()
            if session_id in (None, "", added.session_id)
        ]
        found: dict[str, str] = {}

        async def left() -> int:
            missing = set(ids) - set(found.values())
            if missing:
                found.update(await self._own(user_id, list(missing)))
            return len(missing - set(found.values()))

        await self._arrival(left, f"memories of {user_id!r} not deleted")
        return found


def _names(user_id: str, document_ids: list[str]) -> dict[str, str]:
    """Where the app's documents may stand, each with the id that the app knows it by."""
    return {place: each for each in document_ids for place in possible_ids(each, user_id)}

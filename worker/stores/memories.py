"""The memory table: one row a fact, found by id (at once) or through the search index (1–3 s late).

The document id is a hash of the user and the normalised text, so the same fact is the same row however
often it is written. Columns beyond AgentScope's own do its readers no harm: they ask for theirs only.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import tablestore as ots
from tablestore_for_agent_memory.base.base_knowledge_store import Document
from tablestore_for_agent_memory.base.filter import Filters

from tablestore_memory.protocol.events import Remember
from tablestore_memory.worker.errors import Unavailable
from tablestore_memory.worker.stores.documents import document_row, key
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.fields import message_fields
from tablestore_memory.worker.stores.rows import RowWrite, Value, to_json
from tablestore_memory.worker.stores.tables import MEMORY_INDEX, TableNames, knowledge_store

_TERMS_A_QUERY = 100  # hits a search may return with its columns
_STRINGS = ("kind", "subject", "said_by", "model", "prompt_version", "event_start", "event_end")


@dataclass(frozen=True, slots=True)
class Source:
    """The message a fact was taken from, its words, and its session."""

    message_id: str
    quote: str
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """A durable fact. Times are µs since the epoch; event dates are ISO 8601.

    It holds since `valid_from`, was last said at `stated_at`, and holds still: one that does not is in
    the history, with its `valid_to`.
    """

    user_id: str
    text: str
    session_id: str = ""
    kind: str = "fact"
    subject: str | None = None
    said_by: str | None = None
    event_start: str | None = None
    event_end: str | None = None
    confidence: float = 1.0
    valid_from: int = 0
    stated_at: int = 0
    sources: tuple[Source, ...] = ()
    model: str | None = None
    prompt_version: str | None = None
    document_id: str = ""

    def identified(self) -> "Memory":
        """With the document id that its user and text give it."""
        return replace(self, document_id=document_id(self.user_id, self.text))


def document_id(user_id: str, text: str) -> str:
    """32 hex digits of SHA-256 over the user and the normalised text."""
    return hashlib.sha256(f"{user_id}\0{normalised(text)}".encode()).hexdigest()[:32]


# Full and half width forms to the usual ones. NFKC would do it too, but makes 10² the same as 102.
_WIDTHS = {
    wide: unicodedata.normalize("NFKC", chr(wide)) for wide in (0x3000, *range(0xFF01, 0xFFEF))
}


def normalised(text: str) -> str:
    """Lower case, one width, single spaces, no closing punctuation: equal for equal facts."""
    folded = unicodedata.normalize("NFC", text.translate(_WIDTHS)).casefold()
    return re.sub(r"\s+", " ", folded).strip().rstrip(".!。！ ")


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory that a search found; scores compare within one search only."""

    memory: Memory
    score: float


@dataclass(frozen=True, slots=True)
class Embedded:
    """A memory with its vector; a row that AgentScope wrote may have none."""

    memory: Memory
    vector: list[float] | None


class Memories:
    """Reads the memory table and its search index; makes the rows for writing."""

    def __init__(self, client: ots.OTSClient, names: TableNames, dimension: int) -> None:
        self._client = client
        self._table = names.memory
        self._store = knowledge_store(client, names, dimension)

    def row(self, memory: Memory, embedding: Sequence[float]) -> RowWrite:
        """The row of an identified memory, its embedding as a JSON array."""
        columns: dict[str, Value] = {
            "text": memory.text,
            "embedding": json.dumps([round(x, 7) for x in embedding]),
            "user_id": memory.user_id,
            "session_id": memory.session_id,
            "confidence": memory.confidence,
            "valid_from": memory.valid_from,
            "stated_at": memory.stated_at,
            "sources": to_json([asdict(source) for source in memory.sources]),
        }
        columns |= {name: value for name in _STRINGS if (value := getattr(memory, name))}
        columns |= message_fields("user", "message", [{"type": "text"}], {})
        return RowWrite(self._table, key(memory.document_id), tuple(columns.items()))

    def document(self, event: Remember, embedding: Sequence[float]) -> RowWrite:
        """The row of a whole message that an AgentScope app wants kept. Raises InvalidRow."""
        return document_row(self._table, event, embedding)

    def deletion(self, document_id: str) -> RowWrite:
        return RowWrite(self._table, key(document_id), (), kind="delete")

    def get(self, document_ids: Iterable[str]) -> list[Embedded]:
        """Those of the memories that exist, by primary key."""
        with translated("BatchGetRow memories"):
            try:
                found = self._store.get_documents(list(document_ids))
            except ValueError as error:  # how the SDK says that a single row could not be read
                raise Unavailable(f"Tablestore: BatchGetRow memories: {error}") from error
        return [Embedded(_memory(row), row.embedding) for row in found if row is not None]

    def nearest(self, user_id: str, vector: list[float], count: int) -> list[Hit]:
        """The user's memories nearest to a vector, through the search index."""
        with translated("Search nearest"):
            found = self._store.vector_search(
                vector,
                top_k=count,
                metadata_filter=Filters.eq("user_id", user_id),
                meta_data_to_get=_COLUMNS,
            )
        return [Hit(_memory(hit.document), hit.score or 0.0) for hit in found.hits]

    def matching(self, user_id: str, text: str, count: int) -> list[Hit]:
        """The user's memories that share words with `text`, through the search index."""
        with translated("Search matching"):
            found = self._store.full_text_search(
                text,
                metadata_filter=Filters.eq("user_id", user_id),
                limit=count,
                meta_data_to_get=_COLUMNS,
            )
        return [Hit(_memory(hit.document), hit.score or 0.0) for hit in found.hits]

    def of_user(self, user_id: str) -> list[Memory]:
        """All memories of a user that the search index shows, page by page."""
        memories: list[Memory] = []
        token = None
        while True:
            with translated("Search memories"):
                page = self._store.search_documents(
                    metadata_filter=Filters.eq("user_id", user_id),
                    limit=100,
                    next_token=token,
                    meta_data_to_get=_COLUMNS,
                )
            memories += [_memory(hit.document) for hit in page.hits]
            token = page.next_token
            if not token:
                return sorted(memories, key=lambda m: (m.valid_from, m.document_id))

    def searchable(self, document_ids: Sequence[str]) -> set[str]:
        """Which of at most 100 ids the search index shows."""
        query = ots.SearchQuery(
            ots.TermsQuery("document_id", list(document_ids)), limit=_TERMS_A_QUERY
        )
        with translated("Search document_id"):
            response = self._client.search(
                self._table,
                MEMORY_INDEX,
                query,
                ots.ColumnsToGet(return_type=ots.ColumnReturnType.NONE),
            )
        return {row[0][0][1] for row in response.rows}


_COLUMNS = [
    *("document_id", "tenant_id", "text", "user_id", "session_id"),
    *("confidence", "valid_from", "stated_at", "sources", *_STRINGS),
]


def _memory(document: Document) -> Memory:
    """Also from rows that AgentScope wrote: what they lack keeps its default."""
    fields: dict[str, Any] = document.metadata
    return Memory(
        document_id=document.document_id,
        user_id=str(fields.get("user_id", "")),
        text=document.text or "",
        session_id=str(fields.get("session_id", "")),
        confidence=float(fields.get("confidence", 1.0)),
        valid_from=int(fields.get("valid_from", 0)),
        stated_at=int(fields.get("stated_at", fields.get("valid_from", 0))),
        sources=tuple(Source(**source) for source in json.loads(fields.get("sources", "[]"))),
        **{
            name: fields[name]
            for name in _STRINGS
            if name != "kind" and isinstance(fields.get(name), str)
        },
        kind=str(fields.get("kind", "fact")),
    )

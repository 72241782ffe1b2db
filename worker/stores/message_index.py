"""The search index of the message table: in which messages of a user words stand, and where one of an id is.

AgentScope Runtime's layout allows any search index beside its own; this one has a name that it does not use. It
gives keys, never texts: what it lists may be gone or another's by now, and is read by primary key.
"""

import tablestore as ots

from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.messages import MessageKey, key_of
from tablestore_memory.worker.stores.rows import OWNER

MESSAGE_INDEX = "memory_worker_words"

_MESSAGE_ID = "message_id"
_KEYWORDS = (OWNER, "session_id", "type", "role", _MESSAGE_ID)
_ALIKE = 20  # messages that may have one id: it is theirs within a session only

TALK = ("user", "assistant")
"""Roles of those who say something; system prompts and tools say nothing of a user."""


def message_index() -> ots.SearchIndexMeta:
    """Its definition: words of the first text, whose, where, when, what is talk, and the id."""
    keyword = ots.FieldType.KEYWORD
    return ots.SearchIndexMeta(
        [
            ots.FieldSchema("content", ots.FieldType.TEXT, analyzer=ots.AnalyzerType.MAXWORD),
            *(ots.FieldSchema(name, keyword) for name in _KEYWORDS),
            ots.FieldSchema("create_time", ots.FieldType.LONG),
        ]
    )


def said_with(
    client: ots.OTSClient,
    table: str,
    user_id: str,
    words: str,
    count: int,
    *,
    session_id: str | None = None,
    since: int = 0,
    until: int | None = None,
) -> list[tuple[MessageKey, float]]:
    """The user's messages that share words with a text, with their scores, the best first; from `since` on, before
    `until` (µs)."""
    filters: list[ots.Query] = [
        ots.TermQuery(OWNER, user_id),
        ots.TermQuery("type", "message"),
        ots.TermsQuery("role", list(TALK)),
    ]
    if session_id is not None:
        filters.append(ots.TermQuery("session_id", session_id))
    if since or until is not None:
        filters.append(ots.RangeQuery("create_time", since, until))
    query = ots.SearchQuery(
        ots.BoolQuery(must_queries=[ots.MatchQuery("content", words)], filter_queries=filters),
        sort=ots.Sort([ots.ScoreSort()]),
        limit=count,
    )
    columns = ots.ColumnsToGet(return_type=ots.ColumnReturnType.NONE)
    with translated("Search messages"):
        response = client.search(table, MESSAGE_INDEX, query, columns)
    return [(key_of(hit.row[0]), hit.score) for hit in response.search_hits]


def with_id(client: ots.OTSClient, table: str, message_id: str) -> list[MessageKey] | None:
    """The messages of an id, of all users; None where there is no such index, or one from before it held ids."""
    with translated("Search message_id"):
        if MESSAGE_INDEX not in {name for _, name in client.list_search_index(table)}:
            return None
        meta, _ = client.describe_search_index(table, MESSAGE_INDEX)
        if _MESSAGE_ID not in {field.field_name for field in meta.fields}:
            return None
        query = ots.SearchQuery(ots.TermQuery(_MESSAGE_ID, message_id), limit=_ALIKE)
        columns = ots.ColumnsToGet(return_type=ots.ColumnReturnType.NONE)
        response = client.search(table, MESSAGE_INDEX, query, columns)
    return [key_of(row[0]) for row in response.rows]

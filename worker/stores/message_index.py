"""The search index of the message table: in which messages of a user words stand. Recall alone asks it.

AgentScope Runtime's layout allows any search index beside its own; this one has a name that it does not use. It
gives keys, never texts: what it lists may be gone or another's by now, and is read by primary key.
"""

from collections.abc import Sequence
from typing import Any

import tablestore as ots

from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.messages import MessageKey
from tablestore_memory.worker.stores.rows import OWNER

MESSAGE_INDEX = "memory_worker_words"

TALK = ("user", "assistant")
"""Roles of those who say something; system prompts and tools say nothing of a user."""


def message_index() -> ots.SearchIndexMeta:
    """Its definition: words of the first text, whose, where, when, and what is talk."""
    keyword = ots.FieldType.KEYWORD
    return ots.SearchIndexMeta(
        [
            ots.FieldSchema("content", ots.FieldType.TEXT, analyzer=ots.AnalyzerType.MAXWORD),
            *(ots.FieldSchema(name, keyword) for name in (OWNER, "session_id", "type", "role")),
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
    return [(_key(hit.row[0]), hit.score) for hit in response.search_hits]


def _key(primary_key: Sequence[Any]) -> MessageKey:
    values = dict(cell[:2] for cell in primary_key)
    return MessageKey(values["session_id"], values["create_time"], values["message_id"])

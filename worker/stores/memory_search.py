"""Searches in the index of the memory table, over one user's memories alone; the index is 1–3 s late.

The SDK's own filter by tenant needs an index that is routed by tenant, and AgentScope's is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tablestore as ots

from tablestore_memory.worker.stores.documents import DEFAULT_TENANT, TENANT
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.memory import Hit, Memory
from tablestore_memory.worker.stores.memory_rows import COLUMNS, memory_of
from tablestore_memory.worker.stores.rows import OWNER
from tablestore_memory.worker.stores.tables import MEMORY_INDEX

_PAGE = 100  # hits a search may return with columns of the table


@dataclass(frozen=True, slots=True)
class MemorySearch:
    """Hits come the best first, their columns from the table's rows; a session narrows them to its own.

    What is left out of `columns` keeps its default in the memories that are found.
    """

    client: ots.OTSClient
    table: str
    tenant: str = DEFAULT_TENANT
    columns: Sequence[str] = tuple(COLUMNS)

    def nearest(
        self, user_id: str, vector: Sequence[float], count: int, *, session_id: str | None = None
    ) -> list[Hit]:
        """Those nearest to a vector."""
        query = ots.KnnVectorQuery(
            "embedding",
            top_k=count,
            float32_query_vector=list(vector),
            filter=ots.BoolQuery(filter_queries=self._of(user_id, session_id)),
        )
        return self._hits("Search nearest", user_id, query, count)

    def matching(
        self, user_id: str, words: str, count: int, *, session_id: str | None = None
    ) -> list[Hit]:
        """Those that share words with a text."""
        query = ots.BoolQuery(
            must_queries=[ots.MatchQuery("text", words)],
            filter_queries=self._of(user_id, session_id),
        )
        return self._hits("Search matching", user_id, query, count)

    def every(self, user_id: str) -> Iterator[Memory]:
        """All of them, page by page, in no order."""
        token = None
        while True:
            found, token = self.page(user_id, token)
            yield from found
            if not token:
                return

    def page(
        self,
        user_id: str,
        token: bytes | None,
        count: int = _PAGE,
        *,
        session_id: str | None = None,
    ) -> tuple[list[Memory], bytes | None]:
        """Up to `count` of them, 100 at most, and the token of the next page; None after the last one."""
        theirs = ots.BoolQuery(filter_queries=self._of(user_id, session_id))
        asked = ots.SearchQuery(theirs, limit=count, next_token=token)
        response = self._search("Search memories", asked)
        return [_hit(found).memory for found in response.search_hits], response.next_token or None

    def _hits(self, what: str, user_id: str, query: ots.Query, count: int) -> list[Hit]:
        asked = ots.SearchQuery(query, sort=ots.Sort([ots.ScoreSort()]), limit=count)
        hits = [_hit(found) for found in self._search(what, asked).search_hits]
        return [hit for hit in hits if hit.memory.user_id == user_id]

    def _search(self, what: str, asked: ots.SearchQuery) -> ots.SearchResponse:
        columns = ots.ColumnsToGet(list(self.columns), ots.ColumnReturnType.SPECIFIED)
        with translated(what):
            return self.client.search(self.table, MEMORY_INDEX, asked, columns)

    def _of(self, user_id: str, session_id: str | None = None) -> list[ots.Query]:
        theirs = [ots.TermQuery(TENANT, self.tenant), ots.TermQuery(OWNER, user_id)]
        return theirs if session_id is None else [*theirs, ots.TermQuery("session_id", session_id)]


def _hit(found: ots.SearchHit) -> Hit:
    key, cells = found.row
    memory = memory_of(key[0][1], {cell[0]: cell[1] for cell in cells})
    return Hit(memory, found.score)

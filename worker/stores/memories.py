"""The memory table: one row a fact, found by id (at once) or through the search index (1–3 s late)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tablestore as ots

from tablestore_memory.protocol.events import Remember
from tablestore_memory.worker.stores.columns import Columns, vector
from tablestore_memory.worker.stores.documents import (
    DEFAULT_TENANT,
    KIND,
    TENANT,
    document_row,
    key,
)
from tablestore_memory.worker.stores.errors import from_code, translated
from tablestore_memory.worker.stores.memory import Embedded as Embedded
from tablestore_memory.worker.stores.memory import Hit as Hit
from tablestore_memory.worker.stores.memory import Kind as Kind
from tablestore_memory.worker.stores.memory import Memory as Memory
from tablestore_memory.worker.stores.memory import Source as Source
from tablestore_memory.worker.stores.memory import document_id as document_id
from tablestore_memory.worker.stores.memory import normalised as normalised
from tablestore_memory.worker.stores.memory_rows import COLUMNS, memory_of, memory_row
from tablestore_memory.worker.stores.memory_search import MemorySearch
from tablestore_memory.worker.stores.rows import OWNER, Key, RowWrite
from tablestore_memory.worker.stores.tables import MEMORY_INDEX, TableNames

_ROWS_A_READ = 100  # BatchGetRow; also the hits that a search may return


class Memories:
    """Reads one tenant's part of the memory table and of its search index; makes the rows for writing."""

    def __init__(
        self, client: ots.OTSClient, names: TableNames, tenant: str = DEFAULT_TENANT
    ) -> None:
        self._client = client
        self._tenant = tenant
        self._table = names.memory
        self._search = MemorySearch(client, names.memory, tenant)

    def row(self, memory: Memory, embedding: Sequence[float]) -> RowWrite:
        """The row of an identified memory."""
        return memory_row(self._table, self._key(memory.document_id), memory, embedding)

    def document(
        self, event: Remember, document_id: str, embedding: Sequence[float], received_ms: int
    ) -> RowWrite:
        """The row of a whole message that an AgentScope app wants kept. Raises InvalidRow."""
        where = self._key(document_id)
        return document_row(self._table, where, event, embedding, received_ms)

    def deletion(self, user_id: str, document_id: str) -> RowWrite:
        """Of a row that we wrote for this user."""
        where = self._key(document_id)
        return RowWrite(self._table, where, (), kind="delete", owner=user_id, ours=KIND)

    def forgetting(self, user_id: str, document_id: str, upto_ms: int) -> RowWrite:
        """The deletion of this user's row, whoever wrote it, if it was received by then."""
        where = self._key(document_id)
        return RowWrite(self._table, where, (), kind="delete", owner=user_id, upto_ms=upto_ms)

    def get(self, document_ids: Iterable[str]) -> list[Embedded]:
        """Those of the memories that exist, by primary key."""
        return [
            Embedded(memory_of(document_id, columns), vector(columns, "embedding"))
            for document_id, columns in self._read(list(document_ids), None)
        ]

    def without_vectors(self, document_ids: Iterable[str]) -> list[Memory]:
        """Those of the memories that exist, by primary key; vectors weigh most of a row."""
        return [memory_of(*found) for found in self._read(list(document_ids), COLUMNS)]

    def written_ms(self, document_ids: Sequence[str]) -> dict[str, int]:
        """When the rows of up to 100 memories were written last, by Tablestore's clock; of those that exist."""
        return {
            row.primary_key[0][1]: max((cell[2] for cell in row.attribute_columns), default=0)
            for row in self._rows(document_ids, ["stated_at"])
        }

    def _read(self, ids: Sequence[str], columns: list[str] | None) -> Iterator[tuple[str, Columns]]:
        for start in range(0, len(ids), _ROWS_A_READ):
            for row in self._rows(ids[start : start + _ROWS_A_READ], columns):
                yield row.primary_key[0][1], dict(_pairs(row.attribute_columns))

    def _rows(self, ids: Sequence[str], columns: list[str] | None) -> Iterator[Any]:
        """Those of up to 100 that exist, as the SDK has them."""
        request = ots.BatchGetRowRequest()
        keys = [list(self._key(document_id)) for document_id in ids]
        request.add(ots.TableInBatchGetRowItem(self._table, keys, columns, None, 1))
        with translated("BatchGetRow memories"):
            answers = self._client.batch_get_row(request).get_result_by_table(self._table)
        for answer in answers:
            if not answer.is_ok:
                raise from_code(answer.error_code, f"BatchGetRow memories: {answer.error_message}")
            if answer.row is not None:
                yield answer.row

    def nearest(self, user_id: str, vector: list[float], count: int) -> list[Hit]:
        """The user's memories nearest to a vector, through the search index."""
        return self._search.nearest(user_id, vector, count)

    def matching(self, user_id: str, text: str, count: int) -> list[Hit]:
        """The user's memories that share words with `text`, through the search index."""
        return self._search.matching(user_id, text, count)

    def of_user(self, user_id: str) -> list[Memory]:
        """All memories of a user that the search index shows."""
        return sorted(self._search.every(user_id), key=lambda m: (m.valid_from, m.document_id))

    def page_of_user(
        self,
        user_id: str,
        token: bytes | None,
        count: int = _ROWS_A_READ,
        *,
        session_id: str | None = None,
    ) -> tuple[list[Memory], bytes | None]:
        """Of those that the search index shows up to `count` as they stand now, and where to go on; of a session
        those that it gave the last word of."""
        found, following = self._search.page(user_id, token, count, session_id=session_id)
        rows = self.without_vectors([memory.document_id for memory in found])
        return [row for row in rows if row.user_id == user_id], following

    def searchable(self, document_ids: Sequence[str]) -> set[tuple[str, str]]:
        """Which of at most 100 ids the search index shows, each with its user."""
        asked = [
            ots.TermsQuery("document_id", list(document_ids)),
            ots.TermQuery(TENANT, self._tenant),
        ]
        query = ots.SearchQuery(ots.BoolQuery(filter_queries=asked), limit=_ROWS_A_READ)
        columns = ots.ColumnsToGet([OWNER], ots.ColumnReturnType.SPECIFIED)
        with translated("Search document_id"):
            response = self._client.search(self._table, MEMORY_INDEX, query, columns)
        return {(str(dict(_pairs(cells)).get(OWNER)), pk[0][1]) for pk, cells in response.rows}

    def _key(self, document_id: str) -> Key:
        return key(document_id, self._tenant)


def _pairs(cells: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    return ((cell[0], cell[1]) for cell in cells)

"""Which users there are: those who have sessions, by the table's key, and those who have memories, by its index.

Both go by id, so that whoever lists them goes on behind the last one and nothing is counted that is not shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import tablestore as ots

from tablestore_memory.worker.stores.columns import integer
from tablestore_memory.worker.stores.documents import DEFAULT_TENANT, TENANT
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.rows import OWNER
from tablestore_memory.worker.stores.tables import MEMORY_INDEX, TableNames

Key = list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class SessionsOfUser:
    """How many there are, `and_more` if that is not all; `latest` (µs) is the last activity of those counted."""

    user_id: str
    count: int
    and_more: bool
    latest: int


class Users:
    """Of all tenants those with sessions, as these have none; of one tenant those with memories."""

    def __init__(
        self, client: ots.OTSClient, names: TableNames, tenant: str = DEFAULT_TENANT
    ) -> None:
        self._client = client
        self._names = names
        self._tenant = tenant

    def with_sessions(
        self, begins: str, after: str | None, counted: int
    ) -> Iterator[SessionsOfUser]:
        """Those whose id begins so, behind `after`, by id; of each no more sessions are counted."""
        start: Key | None = _key(begins, ots.INF_MIN)
        if after is not None:
            start = _key(after, ots.INF_MAX)
        while start is not None:
            page, cut = self._page(start, counted + 1)
            found = {user: list(each) for user, each in groupby(page, key=itemgetter(0))}
            if cut in found and len(found) > 1:
                del found[cut]  # begins the next page
            for user, sessions in found.items():
                if not user.startswith(begins):
                    return
                times = [at for _, at in sessions[:counted]]
                and_more = user == cut or len(sessions) > counted
                yield SessionsOfUser(user, len(times), and_more, max(times))
            start = None
            if cut is not None:
                start = _key(cut, ots.INF_MAX if cut in found else ots.INF_MIN)

    def with_memories(self, begins: str, after: str | None, count: int) -> dict[str, int]:
        """The first `count` whose id begins so, behind `after`, with how many memories the index shows."""
        asked: list[ots.Query] = [ots.TermQuery(TENANT, self._tenant)]
        if begins:
            asked.append(ots.PrefixQuery(OWNER, begins))
        if after is not None:
            asked.append(ots.RangeQuery(OWNER, range_from=after, include_lower=False))
        by_user = ots.GroupByField(
            OWNER, size=count, group_by_sort=[ots.GroupKeySort(ots.SortOrder.ASC)], name=OWNER
        )
        query = ots.SearchQuery(ots.BoolQuery(filter_queries=asked), limit=0, group_bys=[by_user])
        columns = ots.ColumnsToGet(return_type=ots.ColumnReturnType.NONE)
        with translated("Search users"):
            answer = self._client.search(self._names.memory, MEMORY_INDEX, query, columns)
        return {
            group.key: group.row_count for each in answer.group_by_results for group in each.items
        }

    def _page(self, start: Key, limit: int) -> tuple[list[tuple[str, int]], str | None]:
        """Users with the activity of each of their sessions, and whose sessions would come next."""
        with translated("GetRange sessions"):
            _, rest, rows, _ = self._client.get_range(
                *(self._names.session, "FORWARD", start, _key(ots.INF_MAX, ots.INF_MAX)),
                columns_to_get=["update_time"],
                limit=limit,
                max_version=1,
            )
        users = [(row.primary_key[0][1], _activity(row)) for row in rows]
        return users, rest[0][1] if rest else None


def _key(user_id: object, session_id: object) -> Key:
    return [("user_id", user_id), ("session_id", session_id)]


def _activity(row: ots.Row) -> int:
    return integer({cell[0]: cell[1] for cell in row.attribute_columns}, "update_time")

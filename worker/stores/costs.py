"""What Qwen used by day: a row for each user, and one for everybody. Ours alone, with a time to live.

Totals have rows of their own: they are read at once, and stay when a user's rows are deleted.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import tablestore as ots

from tablestore_memory.worker.stores.columns import text
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.rows import Key, RowWrite, to_json
from tablestore_memory.worker.stores.tables import TableNames

EVERYBODY = ""
"""The owner of the totals."""
_ALL, _USER = "all", "user"


class Spent(msgspec.Struct):
    """Calls and tokens of a model for a purpose; `cached` ones are a part of the input."""

    model: str
    purpose: str
    calls: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0


class DayCost(msgspec.Struct, frozen=True):
    day: str
    owner: str
    spent: list[Spent]


class Costs:
    def __init__(self, client: ots.OTSClient, names: TableNames, kept_days: int) -> None:
        self._client = client
        self._table = names.cost
        self._kept_days = kept_days

    def row(self, day: str, owner: str, calls: int, spent: Sequence[Spent]) -> RowWrite:
        """The sums of a day; one with more calls stays as it is."""
        columns = (("calls", calls), ("spent", to_json(spent)))
        return RowWrite(self._table, _key(day, owner), columns, kind="update", only_newer="calls")

    def deletion(self, day: str, owner: str) -> RowWrite:
        return RowWrite(self._table, _key(day, owner), (), kind="delete")

    def deletions(self, user_id: str, today: date) -> list[RowWrite]:
        """Of all days of a user that may have a row: those of the time to live, and what clocks may differ by."""
        days = (today + timedelta(days=1 - n) for n in range(self._kept_days + 3))
        return [self.deletion(str(day), user_id) for day in days]

    def of_all(self, since: str) -> Iterator[DayCost]:
        """The totals from a day on, in order."""
        return self._range(_ALL, since)

    def of_users(self, since: str) -> Iterator[DayCost]:
        """Every user's, day by day."""
        return self._range(_USER, since)

    def _range(self, scope: str, since: str) -> Iterator[DayCost]:
        start: Any = [("scope", scope), ("day", since), ("user_id", ots.INF_MIN)]
        end = [("scope", scope), ("day", ots.INF_MAX), ("user_id", ots.INF_MAX)]
        while start is not None:
            with translated("GetRange costs"):
                _, start, rows, _ = self._client.get_range(
                    self._table, ots.Direction.FORWARD, start, end, max_version=1
                )
            yield from map(_day_cost, rows)


def _key(day: str, owner: str) -> Key:
    scope = _ALL if owner == EVERYBODY else _USER
    return (("scope", scope), ("day", day), ("user_id", owner or _ALL))


def _day_cost(row: ots.Row) -> DayCost:
    (_, scope), (_, day), (_, user_id) = row.primary_key
    columns = {cell[0]: cell[1] for cell in row.attribute_columns}
    spent = msgspec.json.decode(text(columns, "spent", "[]"), type=list[Spent])
    return DayCost(day, EVERYBODY if scope == _ALL else user_id, spent)

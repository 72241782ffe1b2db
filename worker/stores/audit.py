"""Who changed or read what by hand: which command, about whom, when; never texts. Ours, with a time to live."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import tablestore as ots

from tablestore_memory.worker.stores.columns import text
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.rows import Key, RowWrite
from tablestore_memory.worker.stores.tables import TableNames


class Audited(msgspec.Struct, frozen=True):
    """One deed, `at` in µs."""

    at: int
    command: str
    user_id: str
    by: str
    host: str


class Audit:
    def __init__(self, client: ots.OTSClient, names: TableNames) -> None:
        self._client = client
        self._table = names.audit

    def row(self, at: int, deed_id: str, told: Sequence[tuple[str, str]]) -> RowWrite:
        key: Key = (("day", _day(at)), ("at", at), ("deed_id", deed_id))
        return RowWrite(self._table, key, tuple(told))

    def since(self, at: int) -> Iterator[Audited]:
        """What was done at `at` (µs) or later, in order."""
        start: Any = [("day", _day(at)), ("at", at), ("deed_id", ots.INF_MIN)]
        end = [(name, ots.INF_MAX) for name in ("day", "at", "deed_id")]
        while start is not None:
            with translated("GetRange audit"):
                _, start, rows, _ = self._client.get_range(
                    self._table, ots.Direction.FORWARD, start, end, max_version=1
                )
            yield from map(_audited, rows)


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m-%d}"


def _audited(row: ots.Row) -> Audited:
    columns = {cell[0]: cell[1] for cell in row.attribute_columns}
    told = (text(columns, name) for name in ("command", "user_id", "by", "host"))
    return Audited(row.primary_key[1][1], *told)

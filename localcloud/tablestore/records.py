"""Rows of a table as cells: read from and written to storage, expired versions left out."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, cast

from tablestore_memory.localcloud.tablestore import cells as cell_rules
from tablestore_memory.localcloud.tablestore import limits
from tablestore_memory.localcloud.tablestore.cells import INT64_MAX, Cells
from tablestore_memory.localcloud.tablestore.contract import Columns, Key, Value
from tablestore_memory.localcloud.tablestore.keys import sort_key
from tablestore_memory.localcloud.tablestore.plainbuffer import (
    cut,
    decode_bare_row,
    encode_bare_row,
)
from tablestore_memory.localcloud.tablestore.schema import Table
from tablestore_memory.localcloud.tablestore.storage import Storage, StoredRow

RowKey = Sequence[tuple[str, Value]]
FIRST, PAST_LAST = b"", b"\xff\xff"  # below and above every sort key


class Record(NamedTuple):
    """A row that is there, with its live versions."""

    key: RowKey
    cells: Cells

    @property
    def columns(self) -> Columns:
        return cell_rules.latest(self.cells)

    @property
    def values(self) -> Key:
        return tuple(value for _, value in self.key)


def read(storage: Storage, table: Table, key: RowKey, now_ms: int) -> Record | None:
    stored = storage.get(table.id, key_bytes(key))
    return None if stored is None else live(table, stored, now_ms)


def shown(
    storage: Storage, table: Table, keys: Sequence[Key], names: Collection[str], now_ms: int
) -> Sequence[bytes | None]:
    """See `contract.Rows`."""
    wanted = {name.encode() for name in names}
    key_columns, lives_for_ever = len(table.primary_key), table.ttl_s < 0
    places = [sort_key(key) for key in keys]
    rows: dict[bytes, bytes | None] = {}
    for place, stored in storage.each(table.id, places):
        if lives_for_ever and (found := cut(stored.bare, key_columns, wanted, stamped=False)):
            rows[place] = found.bare
        else:
            rows[place] = _shown(live(table, stored, now_ms), names)
    return [rows.get(place) for place in places]


def _shown(record: Record | None, names: Collection[str]) -> bytes | None:
    if record is None:
        return None
    cells = [(name, value, None) for name, value in sorted(record.columns.items())]
    return encode_bare_row(record.key, [cell for cell in cells if not names or cell[0] in names])


def live(table: Table, stored: StoredRow, now_ms: int) -> Record | None:
    """The row, or None if it expired: with all its cells or, without any, by its last write."""
    record = stored_record(stored)
    if table.max_versions < max(map(len, record.cells.values()), default=0):
        # Kept from when the table had more versions.
        record = Record(record.key, {n: v[: table.max_versions] for n, v in record.cells.items()})
    if table.ttl_s < 0:
        return record
    oldest_ms = table.oldest_ms(now_ms)
    kept = cell_rules.unexpired(record.cells, oldest_ms)
    if kept or (not record.cells and stored.written_ms > oldest_ms):
        return Record(record.key, kept)
    return None


def stored_record(stored: StoredRow) -> Record:
    """The row with all its versions, expired or not."""
    row = decode_bare_row(stored.bare)
    cells = cell_rules.put(row.cells, stored.written_ms, INT64_MAX)
    return Record(cast(RowKey, row.key), cells)


def scan(storage: Storage, table: Table, now_ms: int) -> Iterator[Record]:
    """Every live row in primary key order. Rows may be written meanwhile."""
    for _, stored in storage.ascending(table.id, FIRST, PAST_LAST):
        if record := live(table, stored, now_ms):
            yield record


def write(storage: Storage, table_id: int, record: Record, now_ms: int) -> None:
    bare = encode_bare_row(record.key, cell_rules.to_list(record.cells))
    storage.put(table_id, key_bytes(record.key), now_ms, bare)


def size_bytes(key: RowKey, cells: Cells) -> int:
    """What a row counts towards capacity units: its names and values, each version of them."""
    size = sum(len(name) + limits.value_bytes(value) for name, value in key)
    for name, versions in cells.items():
        size += sum(len(name) + limits.value_bytes(value) for _, value in versions)
    return size


def key_bytes(key: RowKey) -> bytes:
    return sort_key([value for _, value in key])

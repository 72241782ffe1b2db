"""The attribute cells of one row: versions put, updated, trimmed, expired, selected.

Knows no table and no storage. A column holds its versions newest first.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tablestore_memory.localcloud.tablestore.contract import Columns, Value
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid
from tablestore_memory.localcloud.tablestore.plainbuffer import Cell, CellChange, CellOp

Versions = list[tuple[int, Value]]  # timestamp in ms and value, newest first
Cells = dict[str, Versions]

INT64_MAX = 2**63 - 1


class Selection(NamedTuple):
    """Which columns and versions a read asks for."""

    columns: frozenset[str] = frozenset()  # empty means all
    max_versions: int = 1
    start_ms: int = 0
    end_ms: int = INT64_MAX  # exclusive
    start_column: str | None = None
    end_column: str | None = None  # exclusive

    @property
    def is_by_name(self) -> bool:
        """Whether any version of a column will do, as long as it is the newest."""
        return self[1:] == (self.max_versions, 0, INT64_MAX, None, None)

    def wants(self, column: str) -> bool:
        return (
            (not self.columns or column in self.columns)
            and (self.start_column is None or column >= self.start_column)
            and (self.end_column is None or column < self.end_column)
        )


def put(changes: Sequence[CellChange], now_ms: int, max_versions: int) -> Cells:
    """The cells of a new row; those that say no timestamp are of now."""
    cells: Cells = {
        name: [(now_ms if timestamp is None else timestamp, value)]
        for name, value, timestamp, _ in changes
        if value is not None
    }
    if len(cells) == len(changes):
        return cells
    return update({}, changes, now_ms, max_versions)  # a column comes twice


def update(
    cells: Mapping[str, Versions], changes: Iterable[CellChange], now_ms: int, max_versions: int
) -> Cells:
    """The cells after an update. Raises ParameterInvalid if a column cannot be incremented."""
    changed: Cells = dict(cells)
    for change in changes:
        versions = _changed(changed.get(change.name, []), change, now_ms)
        if versions:
            changed[change.name] = versions[:max_versions]
        else:
            changed.pop(change.name, None)
    return changed


def _changed(versions: Versions, change: CellChange, now_ms: int) -> Versions:
    match change.op:
        case None if change.value is not None:
            return _with(versions, change.timestamp, change.value, now_ms)
        case CellOp.DELETE_ONE_VERSION:
            return [version for version in versions if version[0] != change.timestamp]
        case CellOp.INCREMENT:
            total = _incremented(versions, change)
            return _with(versions, change.timestamp, total, now_ms)
        case _:
            return []


def _with(versions: Versions, timestamp: int | None, value: Value, now_ms: int) -> Versions:
    stamp = now_ms if timestamp is None else timestamp
    others = [version for version in versions if version[0] != stamp]
    return sorted([(stamp, value), *others], key=lambda version: -version[0])


def _incremented(versions: Versions, change: CellChange) -> int:
    current = versions[0][1] if versions else 0
    if type(current) is not int or type(change.value) is not int:
        raise ParameterInvalid(f"Column '{change.name}' is not INTEGER and cannot be incremented.")
    return (current + change.value + 2**63) % 2**64 - 2**63  # int64, as the service counts


def unexpired(cells: Cells, oldest_ms: int) -> Cells:
    """The cells without versions older than the table's time to live allows."""
    kept: Cells = {}
    for name, versions in cells.items():
        if live := [version for version in versions if version[0] > oldest_ms]:
            kept[name] = live
    return kept


def select(cells: Cells, selection: Selection) -> Cells:
    """What a read asks for, columns in the order the service answers: by name."""
    selected: Cells = {}
    for name in sorted(cells):
        if selection.wants(name):
            inside = [v for v in cells[name] if selection.start_ms <= v[0] < selection.end_ms]
            if inside:
                selected[name] = inside[: selection.max_versions]
    return selected


def latest(cells: Cells) -> Columns:
    """The newest value of each column."""
    return {name: versions[0][1] for name, versions in cells.items()}


def to_list(cells: Cells) -> list[Cell]:
    """Every version as a PlainBuffer cell, columns by name."""
    return [(name, value, stamp) for name in sorted(cells) for stamp, value in cells[name]]

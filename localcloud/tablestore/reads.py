"""What a read asks for: columns, versions, filter. And the row it is answered with."""

from typing import NamedTuple, Protocol

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import cells as cell_rules
from tablestore_memory.localcloud.tablestore import filters, limits, records
from tablestore_memory.localcloud.tablestore.cells import INT64_MAX, Cells, Selection
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid, UnsupportOperation
from tablestore_memory.localcloud.tablestore.plainbuffer import cut, encode_bare_row
from tablestore_memory.localcloud.tablestore.records import Record
from tablestore_memory.localcloud.tablestore.schema import Table
from tablestore_memory.localcloud.tablestore.storage import StoredRow


class ReadRequest(Protocol):
    """The part that GetRow, BatchGetRow and GetRange share."""

    columns_to_get: list[str]
    time_range: pb.TimeRange
    max_versions: int
    filter: bytes
    start_column: str
    end_column: str

    def HasField(self, name: str) -> bool: ...  # noqa: N802 protobuf's name


class Answer(NamedTuple):
    """A row without header, None if the read hides it; and the size of what was read of it."""

    bare: bytes | None
    size_bytes: int


NOTHING = Answer(None, 0)


class Read(NamedTuple):
    """A projection of rows, and the filter that lets rows pass."""

    selection: Selection
    passes: filters.Predicate | None
    names: frozenset[bytes]

    def answer(self, table: Table, stored: StoredRow, now_ms: int) -> Answer:
        """What the read finds of the row, whether or not it shows it."""
        if table.ttl_s < 0 and self.passes is None and self.selection.is_by_name:
            as_stored = cut(stored.bare, len(table.primary_key), self.names)
            if as_stored is not None:
                return Answer(*as_stored)
        record = records.live(table, stored, now_ms)
        return self._selected(record) if record else NOTHING

    def _selected(self, record: Record) -> Answer:
        selected = cell_rules.select(record.cells, self.selection)
        size_bytes = records.size_bytes(record.key, selected)
        if not self._shows(record, selected):
            return Answer(None, size_bytes)
        bare = encode_bare_row(record.key, cell_rules.to_list(selected))
        return Answer(bare, size_bytes)

    def _shows(self, record: Record, selected: Cells) -> bool:
        wanted = self.selection.columns
        if not selected and wanted and not any(name in wanted for name, _ in record.key):
            return False
        if self.passes is None:
            return True
        # A filter sees what the read selects, and the primary key.
        return self.passes({name: [(0, value)] for name, value in record.key} | selected)


def parse(request: ReadRequest) -> Read:
    """Raises ParameterInvalid, UnsupportOperation."""
    if len(request.columns_to_get) > limits.COLUMNS_TO_GET:
        raise ParameterInvalid(
            f"The number of columns from the request exceeds the limit, limit count: "
            f"{limits.COLUMNS_TO_GET} , column count:{len(request.columns_to_get)}."
        )
    for name in request.columns_to_get:
        limits.check_column_name(name)
    start_ms, end_ms = _time_range(request)
    selection = Selection(
        frozenset(request.columns_to_get),
        _max_versions(request),
        start_ms,
        end_ms,
        request.start_column if request.HasField("start_column") else None,
        request.end_column if request.HasField("end_column") else None,
    )
    passes = filters.parse(request.filter) if request.HasField("filter") else None
    return Read(selection, passes, frozenset(name.encode() for name in selection.columns))


def refuse_token(token: bytes) -> None:
    """Raises UnsupportOperation: reading a wide row in pieces is not supported."""
    if token:
        raise UnsupportOperation("Reading one row in several pages is not supported.")


def _max_versions(request: ReadRequest) -> int:
    if not request.HasField("max_versions"):
        if not request.HasField("time_range"):
            raise ParameterInvalid("No version condition is specified.")
        return INT64_MAX
    if request.max_versions <= 0:
        raise ParameterInvalid(
            f"Invalid max versions: {request.max_versions} . Reason: Max versions must be positive."
        )
    return request.max_versions


def _time_range(request: ReadRequest) -> tuple[int, int]:
    if not request.HasField("time_range"):
        return 0, INT64_MAX
    time = request.time_range
    if time.HasField("specific_time"):
        if time.specific_time < 0:
            raise ParameterInvalid("Specific timestamp cannot be less than 0.")
        return time.specific_time, time.specific_time + 1
    if not (time.HasField("start_time") and time.HasField("end_time")):
        raise ParameterInvalid("Start and end time must be given at the same time.")
    if time.start_time < 0 or time.end_time < time.start_time:
        raise ParameterInvalid("Timestamp must be in range [0, INT64_MAX/1000).")
    return time.start_time, time.end_time

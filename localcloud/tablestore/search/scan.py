"""ComputeSplits and ParallelScan: every document that matches, in no order, as it was at first.

A session holds what its scans found when they were first asked, and expires unless it is asked in
time. There is one partition, so one scan at a time sees everything.
Sources: Tablestore documentation, "Parallel scan"; the tests of the official SDK (its errors).
"""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.contract import Columns, Key
from tablestore_memory.localcloud.tablestore.messages import parse
from tablestore_memory.localcloud.tablestore.plainbuffer import encode_row
from tablestore_memory.localcloud.tablestore.search import columns, refuse, values
from tablestore_memory.localcloud.tablestore.search.geo_points import point
from tablestore_memory.localcloud.tablestore.search.hits import Searched
from tablestore_memory.localcloud.tablestore.search.index import SearchIndex
from tablestore_memory.localcloud.tablestore.search.queries import evaluate
from tablestore_memory.localcloud.tablestore.search.schema import Field

SPLITS: Final = 1
MAX_LIMIT: Final = 2000  # more may be asked for, and is not given
MAX_TASKS: Final = 10  # of one index at a time
ALIVE_S: Final = 60

Snapshot = list[tuple[Key, Columns]]


@dataclass
class _Session:
    index: SearchIndex
    expires_at: float
    found: dict[bytes, Snapshot] = field(default_factory=dict)  # by query, of scans not yet done


class Scans:
    """The scan sessions of an instance."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: dict[bytes, _Session] = {}

    def compute_splits(self, index: SearchIndex) -> Any:
        """ComputeSplits: a new session."""
        session_id = self._open(index)
        return pb.ComputeSplitsResponse(session_id=session_id, splits_size=SPLITS)

    def scan(self, request: Any, index: SearchIndex) -> Any:
        """ParallelScan: the next rows of a query. Raises ParameterInvalid, SessionExpired."""
        refuse.all_but(
            request, "table_name index_name columns_to_get session_id scan_query timeout_ms"
        )
        query = parse(pb.ScanQuery, request.scan_query)
        _check_parallel(query)
        limit = query.limit if query.HasField("limit") else MAX_LIMIT
        refuse.unless(limit > 0, "The limit of a scan must be greater than 0.")
        session_id, start = self._place(request.session_id, query.token, index)
        session = self._session(session_id, index)
        session.expires_at = self._clock() + _alive_s(query)
        found = self._found(session, query.query)
        names = _names(request.columns_to_get, index)
        page = found[start : start + min(limit, MAX_LIMIT)]
        response = pb.ParallelScanResponse(rows=[_encoded(one, names, index) for one in page])
        if page:
            response.next_token = _token(session_id, start + len(page))
        else:
            session.found.pop(_name(query.query), None)
        return response

    def _place(self, given: bytes, token: bytes, index: SearchIndex) -> tuple[bytes, int]:
        """The session and how far its scan has come. A scan may begin without a session."""
        if token:
            session_id, start = _read(token)
            refuse.unless(given in (b"", session_id), "The token is not of this session.")
            return session_id, start
        return given or self._open(index), 0

    def _session(self, session_id: bytes, index: SearchIndex) -> _Session:
        session = self._sessions.get(session_id)
        if session is None or session.index is not index or session.expires_at < self._clock():
            raise errors.SessionExpired
        return session

    def _found(self, session: _Session, query: Any) -> Snapshot:
        name = _name(query)
        if name not in session.found:
            tasks = [one for one in self._alive() if one.index is session.index]
            if sum(len(one.found) for one in tasks) >= MAX_TASKS:
                raise errors.QuotaExhausted(f"There are {MAX_TASKS} scans of the index at a time.")
            documents = session.index.documents
            hits = evaluate(query, Searched(documents))
            session.found[name] = [
                (documents.keys[ordinal], documents.columns[ordinal])
                for ordinal in hits.ordinals.tolist()
            ]
        return session.found[name]

    def _open(self, index: SearchIndex) -> bytes:
        self._sessions = {
            name: one for name, one in self._sessions.items() if one.expires_at >= self._clock()
        }
        session_id = secrets.token_urlsafe(24).encode()
        self._sessions[session_id] = _Session(index, self._clock() + ALIVE_S)
        return session_id

    def _alive(self) -> list[_Session]:
        return [one for one in self._sessions.values() if one.expires_at >= self._clock()]


def _check_parallel(query: Any) -> None:
    most = query.max_parallel if query.HasField("max_parallel") else SPLITS
    refuse.unless(
        0 < most <= SPLITS,
        f"[parallel_scan.max_parallel_id] must in (0 ,{SPLITS}], current max_parallel_id is {most}",
    )
    refuse.unless(
        0 <= query.current_parallel_id < most,
        "[parallel_scan.current_parallel_id] must in [0, max_parallel), current max_parallel is "
        f"{most}, current_parallel_id is {query.current_parallel_id}",
    )


def _alive_s(query: Any) -> int:
    alive_s = int(query.alive_time) if query.HasField("alive_time") else ALIVE_S
    refuse.unless(alive_s > 0, "The alive_time of a scan must be greater than 0.")
    return alive_s


def _names(asked: Any, index: SearchIndex) -> frozenset[str]:
    """The columns to return: a scan reads only what the index stores."""
    refuse.unless(asked.return_type != pb.RETURN_ALL, "A scan returns no columns of the table.")
    projection = columns.projection(asked, index.definition, index.primary_key)
    refuse.unless(not projection.reads_table, "A scan returns no columns that are not stored.")
    return projection.names or frozenset()


def _encoded(found: tuple[Key, Columns], names: frozenset[str], index: SearchIndex) -> bytes:
    key, held = found
    fields = index.definition.fields
    cells = [
        (name, _formatted(fields[name], held[name]), None) for name in sorted(names & held.keys())
    ]
    return encode_row(columns.named(index.primary_key, key), cells)


def _formatted(field: Field, value: Any) -> Any:
    """Arrays and points come as the service writes them, whatever they were put as."""
    if field.kind == pb.GEO_POINT and not field.is_array:
        return str(point(value))
    if not field.is_array:
        return value
    elements = values.elements(value)
    if field.kind == pb.GEO_POINT:
        elements = [str(point(one)) for one in elements]
    return json.dumps(elements, ensure_ascii=False, separators=(",", ":"))


def _name(query: Any) -> bytes:
    """What a session knows a query by."""
    name: bytes = query.SerializeToString(deterministic=True)
    return name


def _token(session_id: bytes, start: int) -> bytes:
    return base64.urlsafe_b64encode(session_id + b" %d" % start)


def _read(token: bytes) -> tuple[bytes, int]:
    try:
        session_id, start = base64.urlsafe_b64decode(token).split()
        return session_id, int(start)
    except ValueError as error:
        raise errors.ParameterInvalid("The token is not valid.") from error

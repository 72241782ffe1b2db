"""The faults of the local Tablestore: which there are, and what they do to rows and indexes."""

from collections.abc import Callable
from typing import Final

from tablestore_memory.localcloud.faults import Fault, Faults, Repertoire
from tablestore_memory.localcloud.tablestore.errors import OTSError
from tablestore_memory.localcloud.tablestore.routes import ROUTES
from tablestore_memory.localcloud.tablestore.search.engine import SearchEngine

ERRORS: dict[str, type[OTSError]] = {kind.code: kind for kind in OTSError.__subclasses__()}
KINDS: Final = {
    "error": "the request fails",
    "latency": "the answer takes longer",
    "reset": "the connection is cut without an answer",
    "rows": "rows of a batch fail, the others succeed",
    "index-lag": "search indexes lag",
    "index-stop": "search indexes stand still",
}
REPERTOIRE: Final = Repertoire(
    kinds=KINDS,
    operations=ROUTES,
    codes=ERRORS,
    usual_code="OTSServerBusy",
    standing=("index-lag", "index-stop"),
)


def error_of(fault: Fault) -> OTSError:
    return ERRORS[fault.code](fault.message)


def row_failures(fault: Fault | None) -> Callable[[], OTSError | None]:
    """To be asked for each row of a batch."""
    seen = 0

    def fail() -> OTSError | None:
        nonlocal seen
        seen += 1
        fails = fault is not None and fault.kind == "rows" and seen % fault.every == 0
        return error_of(fault) if fault and fails else None

    return fail


def apply_to_indexes(
    faults: Faults, search: SearchEngine, default_lag_s: tuple[float, float]
) -> None:
    """Let search indexes lag, stand still, or go on, as the faults that are set say."""
    lags = faults.standing("index-lag")
    search.set_lag(lags[-1].span_s() if lags else default_lag_s)
    if faults.standing("index-stop"):
        search.pause()
    else:
        search.resume()

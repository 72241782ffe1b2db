"""The one place where Tablestore's errors become ours. Codes: docs/local-tablestore.md, API reference."""

from collections.abc import Iterator
from contextlib import contextmanager

from tablestore import OTSClientError, OTSServiceError
from urllib3.exceptions import HTTPError

from tablestore_memory.worker.failures.errors import (
    BadCredentials,
    InvalidRow,
    PaymentRequired,
    ResourceMissing,
    RowConflict,
    Throttled,
    Unavailable,
    WorkerError,
)

CONDITION_FAILED = "OTSConditionCheckFail"

_BY_CODE: dict[str, type[WorkerError]] = {
    "OTSServerBusy": Throttled,
    "OTSNotEnoughCapacityUnit": Throttled,
    "OTSOperationThrottled": Throttled,
    "OTSTimeout": Unavailable,
    "OTSServerUnavailable": Unavailable,
    "OTSInternalServerError": Unavailable,
    "OTSPartitionUnavailable": Unavailable,
    "OTSTableNotReady": Unavailable,
    "OTSRowOperationConflict": RowConflict,
    "OTSOperationConflict": RowConflict,
    CONDITION_FAILED: RowConflict,
    "OTSAuthFailed": BadCredentials,
    "OTSNoPermissionAccess": BadCredentials,
    "OTSObjectNotExist": ResourceMissing,
    "OTSInstanceNotFound": ResourceMissing,
    "OTSQuotaExhausted": PaymentRequired,
    "OTSParameterInvalid": InvalidRow,
    "OTSOutOfRowSizeLimit": InvalidRow,
    "OTSOutOfColumnCountLimit": InvalidRow,
    "OTSRequestBodyTooLarge": InvalidRow,
    # Every row of ours has the same key columns: the table is another one.
    "OTSInvalidPK": ResourceMissing,
}
# Said of management requests that came too fast, under the code of a used-up quota.
_TOO_FAST = "Too frequent table operations."


def from_code(code: str, message: str) -> WorkerError:
    """The error for a service code; a code we do not know is worth another try."""
    kind = Throttled if message.endswith(_TOO_FAST) else _BY_CODE.get(code, Unavailable)
    return kind(f"Tablestore: {code}: {message}")


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise the SDK's errors as ours, naming the operation."""
    try:
        yield
    except OTSServiceError as error:
        raise from_code(error.code, f"{operation}: {error.message}") from error
    except (OTSClientError, HTTPError) as error:
        # A response that is no valid answer; a connection refused, lost or timed out, as urllib3 has it.
        raise Unavailable(f"Tablestore: {operation}: {error}") from error

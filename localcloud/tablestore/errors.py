"""The service's errors: one class per code, each with its HTTP status.

OTSError
  400  ParameterInvalid  InvalidPK  OutOfRowSizeLimit  OutOfColumnCountLimit  MetaNotMatch
       SessionExpired
  403  AuthFailed  ConditionCheckFail  NotEnoughCapacityUnit  QuotaExhausted  UnsupportOperation
  404  ObjectNotExist  TableNotReady
  405  MethodNotAllowed
  409  ObjectAlreadyExist  RowOperationConflict
  413  RequestBodyTooLarge
  500  InternalServerError
  503  ServerBusy  PartitionUnavailable  Timeout  ServerUnavailable
Source: Tablestore API reference, "Error codes". Clients match on code and status, some on message.
"""

from typing import ClassVar


class OTSError(Exception):
    """An answer other than success, as the client will see it."""

    http_status: ClassVar[int]
    code: ClassVar[str]
    default: ClassVar[str] = ""

    def __init__(self, message: str | None = None) -> None:
        self.message = self.default if message is None else message
        super().__init__(f"{self.code} ({self.http_status}): {self.message}")


class ParameterInvalid(OTSError):
    """The request breaks a rule of the API."""

    http_status, code = 400, "OTSParameterInvalid"
    default = "The input parameter is invalid."


class InvalidPK(OTSError):
    """The primary key does not fit the table's schema."""

    http_status, code = 400, "OTSInvalidPK"


class OutOfRowSizeLimit(OTSError):
    """The row is larger than 4 MB."""

    http_status, code = 400, "OTSOutOfRowSizeLimit"
    default = "The total data size of columns in one row exceeded the limit."


class OutOfColumnCountLimit(OTSError):
    """The row has more than 1,024 columns."""

    http_status, code = 400, "OTSOutOfColumnCountLimit"
    default = "The number of columns from the request exceeded the limit."


class MetaNotMatch(OTSError):
    """No such search index, where a scan asks for it."""

    http_status, code = 400, "OTSMetaNotMatch"


class SessionExpired(OTSError):
    """The scan was not gone on with in time: begin anew."""

    http_status, code = 400, "OTSSessionExpired"
    default = "ScanQuery'session is expired, please retry ComputeSplitsRequest and ScanQuery."


class AuthFailed(OTSError):
    """Wrong key, signature, instance or clock."""

    http_status, code = 403, "OTSAuthFailed"


class ConditionCheckFail(OTSError):
    """The row does not meet the condition of the write."""

    http_status, code = 403, "OTSConditionCheckFail"
    default = "Condition check failed."


class NotEnoughCapacityUnit(OTSError):
    """Throttled: the table's capacity units are used up."""

    http_status, code = 403, "OTSNotEnoughCapacityUnit"
    default = "Remaining capacity unit is not enough."


class QuotaExhausted(OTSError):
    """A quota of the instance is used up."""

    http_status, code = 403, "OTSQuotaExhausted"
    default = "Too frequent table operations."


class UnsupportOperation(OTSError):
    """The local Tablestore does not do this."""

    http_status, code = 403, "OTSUnsupportOperation"


class ObjectNotExist(OTSError):
    """No such table or index."""

    http_status, code = 404, "OTSObjectNotExist"
    default = "Requested table does not exist."


class TableNotReady(OTSError):
    """The table was only just made."""

    http_status, code = 404, "OTSTableNotReady"
    default = "The table is not ready."


class MethodNotAllowed(OTSError):
    """Anything but POST."""

    http_status, code = 405, "OTSMethodNotAllowed"
    default = "Only POST method for requests is supported."


class ObjectAlreadyExist(OTSError):
    """The table or index is there already."""

    http_status, code = 409, "OTSObjectAlreadyExist"
    default = "Requested table already exists."


class RowOperationConflict(OTSError):
    """Another request is changing the same row."""

    http_status, code = 409, "OTSRowOperationConflict"
    default = "Data is being modified by the other request."


class RequestBodyTooLarge(OTSError):
    """The request is larger than the service reads."""

    http_status, code = 413, "OTSRequestBodyTooLarge"
    default = "The size of POST data is too large."


class InternalServerError(OTSError):
    """The service failed."""

    http_status, code = 500, "OTSInternalServerError"
    default = "Internal server error."


class ServerBusy(OTSError):
    """Throttled: come back later."""

    http_status, code = 503, "OTSServerBusy"
    default = "Server is busy."


class PartitionUnavailable(OTSError):
    """The row's partition is being moved."""

    http_status, code = 503, "OTSPartitionUnavailable"
    default = "The partition is not available."


class Timeout(OTSError):
    """The operation took too long; it may or may not have been done."""

    http_status, code = 503, "OTSTimeout"
    default = "Operation timeout."


class ServerUnavailable(OTSError):
    """The service is not there for now."""

    http_status, code = 503, "OTSServerUnavailable"
    default = "Server is not available."

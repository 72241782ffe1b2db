"""The faults of the local DashScope: which there are.

Errors have the status and code of the service; their messages are our own words. The other faults change
an answer or the way it is sent, which `operations` and `sending` do.
"""

from dataclasses import replace
from typing import Final

from tablestore_memory.localcloud.dashscope.errors import ServiceError
from tablestore_memory.localcloud.faults import Fault, Repertoire

OVERDUE = "A bill of this account is overdue."

_ERRORS = (
    ServiceError(429, "Throttling", "Too many requests."),
    ServiceError(429, "Throttling.RateQuota", "Too many requests a minute."),
    ServiceError(429, "Throttling.BurstRate", "The request rate grew too fast."),
    ServiceError(429, "Throttling.Concurrency", "Too many requests at a time."),
    ServiceError(429, "Throttling.AllocationQuota", "Too many tokens a minute."),
    ServiceError(429, "PrepaidBillOverdue", OVERDUE),
    ServiceError(429, "PostpaidBillOverdue", OVERDUE),
    ServiceError(429, "CommodityNotPurchased", "The service was not bought."),
    ServiceError(400, "InvalidParameter", "A parameter is invalid."),
    ServiceError(400, "DataInspectionFailed", "The input did not pass content inspection."),
    ServiceError(400, "Arrearage", "The account is in arrears."),
    ServiceError(401, "InvalidApiKey", "The API key is invalid."),
    ServiceError(403, "AccessDenied", "Access denied."),
    ServiceError(403, "Model.AccessDenied", "Access to the model denied."),
    ServiceError(403, "AllocationQuota.FreeTierOnly", "The free tier is used up."),
    ServiceError(404, "ModelNotFound", "The model cannot be found."),
    ServiceError(500, "InternalError", "An internal error."),
    ServiceError(500, "InternalError.Algo", "An internal error of the algorithm."),
    ServiceError(500, "SystemError", "A system error."),
    ServiceError(500, "RequestTimeOut", "The request timed out."),
    ServiceError(503, "ModelServingError", "The model is at capacity."),
    ServiceError(503, "ModelUnavailable", "The model is unavailable."),
)
ERRORS: Final = {error.code: error for error in _ERRORS}
KINDS: Final = {
    "error": "the call is refused",
    "latency": "the answer comes later",
    "reset": "the connection is reset before the answer",
    "reset-midway": "the connection is reset in the middle of the answer",
    "drip": "the answer comes in small pieces",
    "no-output": "200 without `output`",
    "broken-json": "200 with half a JSON body",
    "broken-content": "200 whose generated text is half of its JSON",
    "empty-error": "500 with an empty JSON body",
    "wrong-keys": "200 whose generated text is JSON of another form",
    "length": "the generated text is cut, finish_reason is `length`",
}
REPERTOIRE: Final = Repertoire(
    kinds=KINDS,
    operations=("generation", "embedding", "rerank"),
    codes=ERRORS,
    usual_code="Throttling",
)


def error_of(fault: Fault) -> ServiceError:
    error = ERRORS[fault.code]
    return error if fault.message is None else replace(error, message=fault.message)

"""Faults that a test asks for: the next N calls, of an operation, or with a text in them.

Owns the table of faults and which of them is due. Errors have the status and code of the service;
their messages are our own words, but for "Free allocated quota exceeded", by which alone a caller can
tell a used-up gift from a busy hour. The other faults change an answer or the way it is sent, which
`operations` and `sending` do. Off unless the server was started with `--faults`.
"""

from dataclasses import dataclass, field
from typing import Any

from tablestore_memory.localcloud.dashscope.errors import ServiceError

OVERDUE = "A bill of this account is overdue."

ERRORS: dict[str, ServiceError] = {
    "throttling": ServiceError(429, "Throttling", "Too many requests."),
    "rate_quota": ServiceError(429, "Throttling.RateQuota", "Too many requests a minute."),
    "burst_rate": ServiceError(429, "Throttling.BurstRate", "The request rate grew too fast."),
    "concurrency": ServiceError(429, "Throttling.Concurrency", "Too many requests at a time."),
    "allocation_quota": ServiceError(
        429, "Throttling.AllocationQuota", "Too many tokens a minute."
    ),
    "free_quota": ServiceError(429, "Throttling.AllocationQuota", "Free allocated quota exceeded."),
    "prepaid_overdue": ServiceError(429, "PrepaidBillOverdue", OVERDUE),
    "postpaid_overdue": ServiceError(429, "PostpaidBillOverdue", OVERDUE),
    "not_purchased": ServiceError(429, "CommodityNotPurchased", "The service was not bought."),
    "invalid_parameter": ServiceError(400, "InvalidParameter", "A parameter is invalid."),
    "data_inspection": ServiceError(
        400, "DataInspectionFailed", "The input did not pass content inspection."
    ),
    "arrearage": ServiceError(400, "Arrearage", "The account is in arrears."),
    "invalid_api_key": ServiceError(401, "InvalidApiKey", "The API key is invalid."),
    "access_denied": ServiceError(403, "AccessDenied", "Access denied."),
    "model_access_denied": ServiceError(403, "Model.AccessDenied", "Access to the model denied."),
    "free_tier_only": ServiceError(
        403, "AllocationQuota.FreeTierOnly", "The free tier is used up."
    ),
    "model_not_found": ServiceError(404, "ModelNotFound", "The model cannot be found."),
    "internal_error": ServiceError(500, "InternalError", "An internal error."),
    "internal_algo": ServiceError(500, "InternalError.Algo", "An internal error of the algorithm."),
    "system_error": ServiceError(500, "SystemError", "A system error."),
    "request_timeout": ServiceError(500, "RequestTimeOut", "The request timed out."),
    "serving_error": ServiceError(503, "ModelServingError", "The model is at capacity."),
    "unavailable": ServiceError(503, "ModelUnavailable", "The model is unavailable."),
}
BEHAVIOURS = {
    "reset": "the connection is reset before the answer",
    "reset_midway": "the connection is reset in the middle of the answer",
    "drip": "the answer comes in small pieces over `seconds`",
    "delay": "the answer comes after `seconds`",
    "no_output": "200 without `output`",
    "broken_json": "200 with half a JSON body",
    "broken_content": "200 whose generated text is half of its JSON",
    "empty_error": "500 with an empty JSON body",
    "wrong_keys": "200 whose generated text is JSON of another form",
    "length": "the generated text is cut, finish_reason is `length`",
}


@dataclass
class Fault:
    """A fault with where it applies; `count` says how many calls are left, None for all."""

    name: str
    count: int | None = 1
    operation: str | None = None
    match: str | None = None
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in ERRORS and self.name not in BEHAVIOURS:
            raise ValueError(f"no fault {self.name!r}; there are {[*ERRORS, *BEHAVIOURS]}")
        if self.operation not in (None, "generation", "embedding"):
            raise ValueError(f"no operation {self.operation!r}")
        if self.count is not None and self.count < 1:
            raise ValueError("count must be at least 1, or null for all calls")

    def applies(self, operation: str, texts: str) -> bool:
        return self.operation in (None, operation) and (self.match is None or self.match in texts)


@dataclass
class Faults:
    """The faults asked for, in the order they were; the first that applies is taken."""

    due: list[Fault] = field(default_factory=list)

    def add(self, wish: dict[str, Any]) -> None:
        """Raises ValueError or TypeError for a wish that makes no fault."""
        self.due.append(Fault(**wish))

    def take(self, operation: str, texts: str) -> Fault | None:
        """The fault of this call, counted down."""
        for fault in self.due:
            if fault.applies(operation, texts):
                if fault.count is not None:
                    fault.count -= 1
                    self.due = [kept for kept in self.due if kept.count != 0]
                return fault
        return None

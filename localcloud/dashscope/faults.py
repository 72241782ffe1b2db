"""Faults that a test asks for: the next N calls, of an operation, or with a text in them.

Owns the table of faults and which of them is due. Errors stand here with the status, code and
message of the service ("Error messages"); the others change an answer or the way it is sent, which
`http` does. Off unless the server was started with `--faults`.
"""

# ruff: noqa: E501 - a fault reads as one line of a table

from dataclasses import dataclass, field
from typing import Any

from localcloud.dashscope.errors import ServiceError

RATE = "Requests rate limit exceeded, please try again later."
QUOTA = "Allocated quota exceeded, please increase your quota limit."
ARREARS = "Access denied, please make sure your account is in good standing."
OVERDUE = "The bill is overdue."

# fmt: off
ERRORS: dict[str, ServiceError] = {
    "throttling": ServiceError(429, "Throttling", "Requests throttling triggered."),
    "rate_quota": ServiceError(429, "Throttling.RateQuota", RATE),
    "burst_rate": ServiceError(429, "Throttling.BurstRate", "Request rate increased too quickly."),
    "concurrency": ServiceError(429, "Throttling.Concurrency", "Too many concurrent requests."),
    "allocation_quota": ServiceError(429, "Throttling.AllocationQuota", QUOTA),
    "free_quota": ServiceError(429, "Throttling.AllocationQuota", "Free allocated quota exceeded."),
    "prepaid_overdue": ServiceError(429, "PrepaidBillOverdue", OVERDUE),
    "postpaid_overdue": ServiceError(429, "PostpaidBillOverdue", OVERDUE),
    "not_purchased": ServiceError(429, "CommodityNotPurchased", "Commodity has not purchased yet."),
    "invalid_parameter": ServiceError(400, "InvalidParameter", "Parameter is invalid."),
    "data_inspection": ServiceError(400, "DataInspectionFailed", "Input data may contain inappropriate content."),
    "arrearage": ServiceError(400, "Arrearage", ARREARS),
    "invalid_api_key": ServiceError(401, "InvalidApiKey", "Invalid API-key provided."),
    "access_denied": ServiceError(403, "AccessDenied", "Access denied."),
    "model_access_denied": ServiceError(403, "Model.AccessDenied", "Model access denied."),
    "free_tier_only": ServiceError(403, "AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted."),
    "model_not_found": ServiceError(404, "ModelNotFound", "Model can not be found."),
    "internal_error": ServiceError(500, "InternalError", "An internal error has occured, please try again later."),
    "system_error": ServiceError(500, "SystemError", "An system error has occured, please try again later."),
    "request_timeout": ServiceError(500, "RequestTimeOut", "Request timed out, please try again later."),
    "serving_error": ServiceError(503, "ModelServingError", "Too many requests. Your requests are being throttled due to system capacity limits."),
    "unavailable": ServiceError(503, "ModelUnavailable", "Model is unavailable, please try again later."),
}
# fmt: on
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

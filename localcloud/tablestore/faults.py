"""Faults on demand: what the service does on its bad days, for tests that must live with it.

A fault is one JSON object, posted to `/_faults` (docs/local-tablestore.md has examples):

    kind         "error" | "latency" | "reset" | "rows" | "index-lag" | "index-stop"
    operation    an operation's name, or "*" (the default)
    code         error, rows: an error code such as OTSServerBusy
    message      error, rows: instead of the service's own words
    after        error, reset: true to do the operation first and then fail to say so
    seconds      latency: how long; index-lag: [from, to]
    every        rows: each n-th row of a batch fails (1: all of them)
    times        how often it happens before it is over; null (the default) for ever
    probability  how likely it happens each time, 1 by default
"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tablestore_memory.localcloud.tablestore.errors import OTSError

ERRORS: dict[str, type[OTSError]] = {kind.code: kind for kind in OTSError.__subclasses__()}
KINDS = ("error", "latency", "reset", "rows", "index-lag", "index-stop")


class BadFault(ValueError):
    """A fault that is not one, and why."""


@dataclass(slots=True)
class Fault:
    """One fault; `happened` counts how often."""

    kind: str
    operation: str = "*"
    code: str = "OTSServerBusy"
    message: str | None = None
    after: bool = False
    seconds: float | list[float] = 0.0
    every: int = 1
    times: int | None = None
    probability: float = 1.0
    happened: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadFault(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.code not in ERRORS:
            raise BadFault(f"code must be one of {', '.join(ERRORS)}, not {self.code!r}")
        if self.every < 1:
            raise BadFault(f"every must be at least 1, not {self.every}")
        if isinstance(self.seconds, list) != (self.kind == "index-lag"):
            raise BadFault("seconds is [from, to] for index-lag, else a number")

    def strikes(self, operation: str) -> bool:
        """Whether it happens this time; then it is counted."""
        if self.operation not in ("*", operation):
            return False
        if self.times is not None and self.happened >= self.times:
            return False
        if random.random() >= self.probability:
            return False
        self.happened += 1
        return True

    def error(self) -> OTSError:
        return ERRORS[self.code](self.message)


@dataclass(slots=True)
class Verdict:
    """What happens to one request."""

    delay_s: float = 0.0
    error: Fault | None = None
    reset: Fault | None = None
    rows: Fault | None = None

    def row_failures(self) -> Callable[[], OTSError | None]:
        """To be asked for each row of a batch."""
        seen = 0

        def fail() -> OTSError | None:
            nonlocal seen
            seen += 1
            return self.rows.error() if self.rows and seen % self.rows.every == 0 else None

        return fail


class Faults:
    """The faults that are set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fields: dict[str, Any]) -> Fault:
        """Raises BadFault."""
        try:
            fault = Fault(**fields)
        except TypeError as error:
            raise BadFault(str(error)) from error
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults]

    def judge(self, operation: str) -> Verdict:
        """Which faults strike this request."""
        verdict = Verdict()
        for fault in self._faults:
            if fault.kind in ("index-lag", "index-stop") or not fault.strikes(operation):
                continue
            if fault.kind == "latency" and isinstance(fault.seconds, (int, float)):
                verdict.delay_s += fault.seconds
            elif fault.kind == "error":
                verdict.error = fault
            elif fault.kind == "reset":
                verdict.reset = fault
            elif fault.kind == "rows":
                verdict.rows = fault
        return verdict

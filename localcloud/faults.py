"""Faults on demand: what a service does on its bad days, for tests that must live with it.

One shape for every stand-in (docs/local-faults.md has examples). A fault is a JSON object:

    kind         what happens; "error", "latency", "reset", and what the stand-in has besides
    operation    an operation's name, or "*" (the default)
    match        a text that stands in the request; any request if there is none
    code         of the error, one of the service's; its throttling if there is none
    message      of the error, instead of the usual one
    after        true to do the operation first and then fail to say so
    seconds      how long something takes, or [from, to]; 1 if there are none
    every        of the rows of a batch, each n-th fails (1: all of them)
    times        how often it happens before it is over; null (the default) for ever
    probability  how likely it happens each time, 1 by default

Of the faults that are set, the first that strikes is what happens to a request.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(ge=1)]


class BadFault(ValueError):
    """A fault that is not one, and why."""


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One fault; `happened` counts how often."""

    kind: str
    operation: str = "*"
    match: str = ""
    code: str = ""
    message: str | None = None
    after: bool = False
    # Checked below: msgspec 0.22 crashes at a union of a bounded number and a tuple.
    seconds: float | tuple[float, float] = 1.0
    every: Positive = 1
    times: Positive | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    happened: int = 0

    def __post_init__(self) -> None:
        first, last = self.span_s()
        if not 0 <= first <= last:
            raise ValueError("seconds must be from 0 on, and [from, to] in this order")

    def strikes(self, operation: str, request: bytes) -> bool:
        """Whether it happens this time; then it is counted."""
        struck = (
            self.operation in ("*", operation)
            and (self.times is None or self.happened < self.times)
            and self.match.encode() in request
            and random.random() < self.probability
        )
        self.happened += struck
        return struck

    def span_s(self) -> tuple[float, float]:
        return self.seconds if isinstance(self.seconds, tuple) else (self.seconds, self.seconds)

    def delay_s(self) -> float:
        return random.uniform(*self.span_s())


@dataclass(frozen=True)
class Repertoire:
    """What may be asked of a stand-in."""

    kinds: Collection[str]
    operations: Collection[str]
    codes: Collection[str]
    usual_code: str
    standing: Collection[str] = ()  # kinds that are there from first to last, and strike no request

    def check(self, fault: Fault) -> None:
        """Raises BadFault."""
        _check("kind", fault.kind, self.kinds)
        _check("operation", fault.operation, ["*", *self.operations])
        _check("code", fault.code, self.codes)


def _check(field: str, given: str, known: Collection[str]) -> None:
    if given not in known:
        raise BadFault(f"{field} must be one of {', '.join(known)}, not {given!r}")


class Faults:
    """The faults that are set, in the order they were."""

    def __init__(self, repertoire: Repertoire) -> None:
        self._repertoire = repertoire
        self._faults: list[Fault] = []

    def add(self, body: bytes) -> None:
        """Set the fault that stands in JSON. Raises BadFault."""
        try:
            fault = msgspec.json.decode(body, type=Fault)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadFault(str(error)) from error
        fault.code = fault.code or self._repertoire.usual_code
        self._repertoire.check(fault)
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        return [msgspec.structs.asdict(fault) for fault in self._faults]

    def standing(self, kind: str) -> list[Fault]:
        return [fault for fault in self._faults if fault.kind == kind]

    def strike(self, operation: str, request: bytes) -> Fault | None:
        """What happens to this request."""
        for fault in self._faults:
            if fault.kind not in self._repertoire.standing and fault.strikes(operation, request):
                return fault
        return None

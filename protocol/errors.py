"""An event that does not keep the contract, one class for each way a reader may want to react.

MalformedEvent   (ValueError)  a field is missing, of the wrong type or beyond a limit
├── UnknownType                the event's `type` is none we know
├── UnknownVersion             the event is of a later version than we can read
├── EventTooLarge              the event is larger than a stream's entry may be
└── NotText                    a text holds what neither UTF-8 nor the store can carry

Each names the field and the reason, never what stood there: these errors reach logs, dead letters and
terminals, where what people said does not belong.
"""

_LONGEST = 200
"""Characters of a field or a reason. Ours are shorter; a field's name may be somebody's text."""


class MalformedEvent(ValueError):
    """An event does not keep the contract; `field` says where, `reason` why."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field[:_LONGEST]
        self.reason = reason[:_LONGEST]
        super().__init__(f"{self.field}: {self.reason}")


class UnknownType(MalformedEvent):
    """The event's `type` is none of those this version knows."""


class UnknownVersion(MalformedEvent):
    """The event's `v` is higher than this version reads: upgrade the reader."""


class EventTooLarge(MalformedEvent):
    """The event as a whole is beyond the limit: what it holds may still fit elsewhere."""


class NotText(MalformedEvent):
    """A text holds a NUL or half a surrogate pair: neither UTF-8 nor the store can carry it."""

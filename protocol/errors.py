"""An event that does not keep the contract, one class for each way a reader may want to react.

MalformedEvent   (ValueError)  a field is missing, of the wrong type or beyond a limit
├── UnknownType                the event's `type` is none we know
└── UnknownVersion             the event is of a later version than we can read
"""


class MalformedEvent(ValueError):
    """An event does not keep the contract; `field` says where, `reason` why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class UnknownType(MalformedEvent):
    """The event's `type` is none of those this version knows."""


class UnknownVersion(MalformedEvent):
    """The event's `v` is higher than this version reads: upgrade the reader."""

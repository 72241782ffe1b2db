"""What can go wrong on the agent's side, one class for each way a caller may want to react.

ProducerError
├── MalformedEvent        (ValueError)  a field is missing, of the wrong type or beyond a limit
│   ├── UnknownType                     the event's `type` is none we know
│   └── UnknownVersion                  the event is of a later version than we can read
├── BadSetting            (ValueError)  an argument or an environment variable makes no sense
├── NotStoredYet                        to be deleted, but still on its way to the store
├── QueueFull                           policy `raise` (or `block`, after its timeout): no room
└── BlockingInEventLoop   (RuntimeError) policy `block` would stop a running event loop

Redis being slow, full or gone is no error here: events wait, and what is dropped is counted.
"""


class ProducerError(Exception):
    """Root of all errors of this package."""


class MalformedEvent(ProducerError, ValueError):
    """An event does not keep the contract; `field` says where, `reason` why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class UnknownType(MalformedEvent):
    """The event's `type` is none of those this version knows."""


class UnknownVersion(MalformedEvent):
    """The event's `v` is higher than this version reads: upgrade the reader."""


class BadSetting(ProducerError, ValueError):
    """A setting is not usable; `name` is the argument or environment variable."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class QueueFull(ProducerError):
    """No room in memory nor on disk, and the policy says to tell the caller."""


class BlockingInEventLoop(ProducerError, RuntimeError):
    """Policy `block` was used inside a running event loop, which it would stop."""


class NotStoredYet(ProducerError):
    """Something cannot be deleted, as events published before are not stored yet; try later."""

    def __init__(self, what: str, events: int) -> None:
        super().__init__(f"{what}: {events} events published before are not stored yet")
        self.events = events

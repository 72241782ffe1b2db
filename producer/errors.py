"""What can go wrong on the agent's side, one class for each way a caller may want to react.

ProducerError
├── BadSetting            (ValueError)  an argument or an environment variable makes no sense
├── NotStoredYet                        to be deleted, but still on its way to the store
├── QueueFull                           policy `raise` (or `block`, after its timeout): no room
└── BlockingInEventLoop   (RuntimeError) policy `block` would stop a running event loop

What is no event raises MalformedEvent (protocol/errors.py). Redis being slow, full or gone is no
error here: events wait, and what is dropped is counted.
"""


class ProducerError(Exception):
    """Root of all errors of this package."""


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

"""What can go wrong in the worker, sorted by what to do about it.

    WorkerError
    ├── Retryable              try again later, with backoff
    │   ├── Throttled          the service asked us to slow down
    │   ├── Unavailable        unreachable, timed out, or failed inside
    │   ├── RowConflict        another writer held the row
    │   ├── Busy               another worker holds the lease
    │   │   └── LeaseLost      we held it and do no longer: stop before the next write
    │   └── IndexBehind        the search index does not show it yet
    ├── Final                  wrong for this item only: dead letter, the rest goes on
    │   ├── InvalidRow         Tablestore refuses the row as it is
    │   ├── NotOwner           another's row has this key
    │   ├── NoRow              there is no row to change
    │   ├── ContentRefused     Qwen's content inspection refused the text
    │   ├── UnusableReply      Qwen's answer cannot be used
    │   │   └── RequestRefused Qwen gives none: it refuses the request as it is
    │   └── SecretRefused      a text to remember holds a secret
    └── SystemicFailure        every item would fail: pause the queue, keep the work, say it
        ├── BadCredentials
        ├── ResourceMissing    a table, index or model is missing
        ├── WrongSchema        a table or index is another than it must be
        ├── PaymentRequired
        ├── ServiceFails       a service fails at something trivial too
        └── BudgetSpent        the daily token budget is used up

Callers decide by class, never by the text. Adapters translate once, with `raise … from error`.
"""


class WorkerError(Exception):
    """Base of every error that the worker expects."""


class Retryable(WorkerError):
    """May succeed later."""


class Throttled(Retryable):
    """The service asked us to slow down."""


class Unavailable(Retryable):
    """The service cannot be reached, timed out, or failed inside."""


class RowConflict(Retryable):
    """Another writer held or changed the row."""


class Busy(Retryable):
    """Another worker holds the lease."""


class LeaseLost(Busy):
    """The lease ran out or was taken meanwhile: nothing more may be written under it."""


class IndexBehind(Retryable):
    """The search index does not yet show what was written."""


class Final(WorkerError):
    """Will fail for this item however often it is tried."""


class InvalidRow(Final):
    """Tablestore refuses the row as it is."""


class NotOwner(Final):
    """Another's row has this key: a user's, or one that another program wrote."""

    def __init__(self, message: str = "another's row has this key") -> None:
        super().__init__(message)


class NoRow(Final):
    """There is no row to change."""


class ContentRefused(Final):
    """Qwen's content inspection refused the text."""


class UnusableReply(Final):
    """Qwen's answer is cut off, not JSON, or not of the asked shape."""


class RequestRefused(UnusableReply):
    """Qwen gives no answer: it refuses the request as it is."""


class SecretRefused(Final):
    """A text to remember holds a secret."""


class SystemicFailure(WorkerError):
    """Every item would fail the same way until somebody mends it."""


class BadCredentials(SystemicFailure):
    """The key or its rights are wrong."""


class ResourceMissing(SystemicFailure):
    """A table, an index, an instance or a model is missing."""


class WrongSchema(SystemicFailure):
    """A table or an index that stands already is another than it must be."""


class PaymentRequired(SystemicFailure):
    """The account is in arrears or its quota is used up."""


class ServiceFails(SystemicFailure):
    """A service fails at something trivial too: it is away, overloaded, or refuses everything."""


class BudgetSpent(SystemicFailure):
    """The day's budget of tokens, set by us, is used up."""

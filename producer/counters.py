"""The numbers of one process: accepted = acked + pending + dropped holds at every moment of rest.

Each field has one writer, but for `begun`, which every caller adds to: CPython switches threads at
calls and backward jumps, never within `+=` on an attribute.
"""

from dataclasses import dataclass, field


@dataclass
class Counters:
    begun: int = 0
    """Calls that passed validation; those refused for lack of room included."""
    refused: int = 0
    acked: int = 0
    sent: int = 0
    retried: int = 0
    replayed: int = 0


@dataclass(frozen=True)
class Stats:
    """What an agent, or its operator, can see of a publisher."""

    accepted: int = 0
    acked: int = 0
    """Redis has them."""
    pending: int = 0
    """Neither acked nor dropped: in memory or in the journal."""
    dropped: dict[str, int] = field(default_factory=dict)
    """By reason. `malformed` ones were never accepted; all others were."""
    refused: int = 0
    """QueueFull raised, never accepted."""
    sent: int = 0
    """Events put on the wire, those sent again included."""
    retried: int = 0
    replayed: int = 0
    """Of processes that ended before Redis had their events."""
    memory_events: int = 0
    """Nowhere but in memory, those being sent included."""
    memory_bytes: int = 0
    journal_bytes: int = 0
    journal_damaged: int = 0
    """Stretches of journals that could not be read: each may have held events."""
    oldest_age_s: float = 0.0
    """How long the event now being sent has waited."""
    last_error: str = ""
    """Why the last attempt failed; empty while all is well."""

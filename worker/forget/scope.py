"""What a request to forget covers: everything of a user, in one session or in all, received by then.

"Then" is when the request was published, by Redis' clock; no publisher's clock has a say. What has no
receipt (rows of AgentScope's service, or of an older release) is covered.
"""

from dataclasses import dataclass

from tablestore_memory.worker.stores.memory import Derived, stems_from
from tablestore_memory.worker.stores.messages import MessageRow


@dataclass(frozen=True, slots=True)
class Scope:
    """A user's, in one session or in all (None), received up to `upto_ms`."""

    user_id: str
    session_id: str | None
    upto_ms: int

    def in_session(self, session_id: str | None) -> bool:
        return self.session_id in (None, session_id)

    def covers_message(self, row: MessageRow) -> bool:
        return row.received_ms is None or row.received_ms <= self.upto_ms

    def covers(self, made: Derived) -> bool:
        """What cites a forgotten session goes, whoever else said it too."""
        return stems_from(made, self.session_id, self.upto_ms)

"""Find sessions whose watermark lags though nothing waits for them in Redis, and make them due.

That is what an emptied Redis leaves behind. A turn reads some pages of the session table and notes how
far it came, so all workers together walk the table slowly, in a circle.
"""

from dataclasses import dataclass
from typing import Any, cast

import msgspec
import structlog
from redis import Redis

from tablestore_memory.worker.sessions.due import FROM_WATERMARK, DueSessions
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.stores.sessions import SessionInfo, Sessions

log = structlog.get_logger()


@dataclass(frozen=True)
class Reconciliation:
    """The walk along the session table, so many rows a turn."""

    redis: Redis
    keys: Keys
    sessions: Sessions
    due: DueSessions
    rows_a_turn: int = 1_000

    def walk(self) -> int:
        """One turn. Returns how many sessions were made due."""
        key = self.keys.reconcile()
        raw = cast(bytes | None, self.redis.get(key))
        begin = msgspec.json.decode(raw, type=tuple[str, str]) if raw else None
        rows, rest = self.sessions.scan_page(self.rows_a_turn, begin)
        found = 0
        for user_id, info in rows:
            if info.watermark < info.update_time and self._has_more(user_id, info):
                found += self.due.add(user_id, info.session_id, FROM_WATERMARK, force=False)
        encoded: Any = msgspec.json.encode(rest) if rest else b""
        self.redis.set(key, encoded)
        if found:
            log.warning("sessions.reconciled", sessions=found)
        return found

    def _has_more(self, user_id: str, info: SessionInfo) -> bool:
        """Whether a message stands after the watermark: an app may move `update_time` without one."""
        since = info.watermark + 1
        return any(True for _ in self.sessions.messages(user_id, info.session_id, since=since))

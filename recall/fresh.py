"""The turns that nothing was extracted from yet, or just now: what was published is known as it was said.

Of a turn that held no fact the words are found by an index, which lags.

Read by primary key, so whatever is stored is seen. The user's sessions come from the session table's index, the
latest first; how far each was extracted is its watermark.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import islice

from tablestore_memory.recall.asked import Asked
from tablestore_memory.recall.talk import is_talk
from tablestore_memory.worker.stores.messages import MessageRow
from tablestore_memory.worker.stores.sessions import SessionInfo, Sessions

# A user talks in one session, or in a few; what waits in older ones is found by its words.
_SESSIONS = 5
_INDEXED_US = 10_000_000
"""So long after it was said, an index shows a message: its lag is 1 to 3 seconds."""
_TURNS = 20  # of a session: one is extracted at so many (MEMORY_MAX_MESSAGES)


def fresh_turns(sessions: Sessions, asked: Asked) -> Sequence[MessageRow]:
    """The newest first."""
    unindexed = round(time.time() * 1_000_000) - _INDEXED_US
    rows = [
        row
        for session in _latest(sessions, asked)
        if session.update_time > (known := min(session.watermark, unindexed))
        for row in islice(_said_after(known, sessions, asked, session), _TURNS)
    ]
    return sorted(rows, key=lambda row: row.created_at, reverse=True)


def _latest(sessions: Sessions, asked: Asked) -> Sequence[SessionInfo]:
    if asked.session_id is not None:
        return sessions.infos(asked.user_id, [asked.session_id])
    return sessions.infos(asked.user_id, sessions.latest(asked.user_id, _SESSIONS))


def _said_after(
    moment: int, sessions: Sessions, asked: Asked, session: SessionInfo
) -> Iterator[MessageRow]:
    """The session's turns, the newest first."""
    since = max(moment + 1, asked.since)
    rows = sessions.rows_before(asked.user_id, session.session_id, asked.said_before, _TURNS, since)
    return (row for row in rows if is_talk(row.said))

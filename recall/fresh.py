"""The turns that no fact was extracted from yet: what was published a moment ago is known as it was said.

Read by primary key, so whatever is stored is seen. The user's sessions come from the session table's index, the
latest first; how far each was extracted is its watermark.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from tablestore_memory.recall.asked import Asked
from tablestore_memory.recall.talk import is_talk
from tablestore_memory.worker.stores.messages import MessageRow
from tablestore_memory.worker.stores.sessions import SessionInfo, Sessions

# A user talks in one session, or in a few; what waits in older ones is found by its words.
_SESSIONS = 5
_TURNS = 20  # of a session: one is extracted at so many (MEMORY_MAX_MESSAGES)


def fresh_turns(sessions: Sessions, asked: Asked) -> Sequence[MessageRow]:
    """The newest first."""
    rows = [
        row
        for session in _latest(sessions, asked)
        if session.update_time > session.watermark
        for row in islice(_waiting(sessions, asked, session), _TURNS)
    ]
    return sorted(rows, key=lambda row: row.created_at, reverse=True)


def _latest(sessions: Sessions, asked: Asked) -> Sequence[SessionInfo]:
    if asked.session_id is not None:
        return sessions.infos(asked.user_id, [asked.session_id])
    return sessions.infos(asked.user_id, sessions.latest(asked.user_id, _SESSIONS))


def _waiting(sessions: Sessions, asked: Asked, session: SessionInfo) -> Iterator[MessageRow]:
    """The session's turns after its watermark, the newest first."""
    since = max(session.watermark + 1, asked.since)
    rows = sessions.rows_before(asked.user_id, session.session_id, asked.said_before, _TURNS, since)
    return (row for row in rows if is_talk(row.said))

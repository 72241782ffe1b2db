"""A user's sessions by their last activity, and what was said in one of them, a page at a time."""

from dataclasses import dataclass
from itertools import islice

from tablestore_memory.worker.operations.session_work import SessionWork, work_in
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.messages import Turn
from tablestore_memory.worker.stores.sessions import Activity, SessionInfo

SESSIONS_A_PAGE = 25
MESSAGES_A_PAGE = 40


@dataclass(frozen=True, slots=True)
class PageOfSessions:
    """The last active one first, each with what is being done in it; `next` is where the next page begins."""

    sessions: list[tuple[SessionInfo, SessionWork]]
    next: Activity | None


@dataclass(frozen=True, slots=True)
class PageOfMessages:
    """In order; `next` is the message (created_at, id) that the next page begins with."""

    messages: list[Turn]
    next: tuple[int, str] | None


def page_of_sessions(
    s: Services, user_id: str, *, begin: Activity | None = None, count: int = SESSIONS_A_PAGE
) -> PageOfSessions:
    """Up to `count` (100 at most), from `begin` on."""
    listed, following = s.sessions.by_activity(user_id, count, begin)
    ids = [session_id for _, session_id in listed]
    infos = {info.session_id: info for info in s.sessions.infos(user_id, ids)}
    work = work_in(s, user_id, ids)
    found = [(infos[each], work[each]) for each in ids if each in infos]
    return PageOfSessions(found, following)


def page_of_messages(
    s: Services,
    user_id: str,
    session_id: str,
    *,
    begin: tuple[int, str] | None = None,
    count: int = MESSAGES_A_PAGE,
) -> PageOfMessages:
    """Up to `count` of the user's messages in a session, from `begin` on."""
    rows = s.sessions.rows_from(user_id, session_id, begin, count + 1)
    found = [row.said for row in islice(rows, count + 1)]
    following = [(each.created_at, each.message_id) for each in found[count:]]
    return PageOfMessages(found[:count], following[0] if following else None)

"""The users there are, page by page: who has sessions or memories, how many, and when each was last active."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.users import SessionsOfUser

USERS_A_PAGE = 25
_COUNTED = 50
"""Sessions of a user that are looked at: a page must not take longer because somebody talks a lot."""


@dataclass(frozen=True, slots=True)
class User:
    """`latest` is the last activity in a session (µs; 0 without one); `memories` are those the index shows."""

    user_id: str
    sessions: int
    and_more_sessions: bool
    latest: int
    memories: int


@dataclass(frozen=True, slots=True)
class PageOfUsers:
    """By id; `next` goes into the next question as `after`, None after the last page."""

    users: list[User]
    next: str | None


def page_of_users(
    s: Services, *, begins: str = "", after: str | None = None, count: int = USERS_A_PAGE
) -> PageOfUsers:
    """Those whose id begins so, behind `after`."""
    talking = {
        each.user_id: each
        for each in islice(s.users.with_sessions(begins, after, _COUNTED), count + 1)
    }
    memories = s.users.with_memories(begins, after, count + 1)
    ids = sorted(talking.keys() | memories.keys())
    users = list(_told(s, ids[:count], talking, memories))
    return PageOfUsers(users, users[-1].user_id if len(ids) > count else None)


def _told(
    s: Services, ids: list[str], talking: dict[str, SessionsOfUser], memories: dict[str, int]
) -> Iterator[User]:
    for user_id in ids:
        sessions = talking.get(user_id) or SessionsOfUser(user_id, 0, False, 0)
        latest = sessions.latest
        if sessions.and_more:
            latest = max(latest, *(at for at, _ in s.sessions.by_activity(user_id, 1)[0]))
        yield User(user_id, sessions.count, sessions.and_more, latest, memories.get(user_id, 0))

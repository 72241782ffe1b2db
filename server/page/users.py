"""Users, and what is kept of one of them: memories, and what became of earlier ones."""

from collections.abc import Collection

from starlette.responses import Response

from tablestore_memory.server.page.places import place_in
from tablestore_memory.server.page.rendering import address, render
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.problems import Malformed, NotFound
from tablestore_memory.worker.operations.kept import page_of_memories
from tablestore_memory.worker.operations.users import page_of_users
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.memory import Memory

_MEMORIES, _CHANGES = 50, 50  # of a page


def users(visit: Visit) -> Response:
    """By id, from the beginning of one on."""
    begins, after = visit.query.get("begins", ""), visit.query.get("after")
    page = page_of_users(visit.noted("users"), begins=begins, after=after)
    following = page.next and address("/users", begins=begins, after=page.next)
    return render(visit, "users.html", users=page.users, begins=begins, following=following)


def user(visit: Visit) -> Response:
    """A page of the user's memories, what was said last first."""
    user_id, after = visit.asked("user_id"), visit.query.get("after")
    services = visit.noted("memories", user_id)
    try:
        page = page_of_memories(services, user_id, limit=_MEMORIES, after=after)
    except ValueError:
        raise Malformed("no page of memories goes on here", "after") from None
    if not page.memories and not after and not _is_known(services, user_id):
        raise NotFound("nothing is kept of a user of this id")
    memories = sorted(page.memories, key=lambda memory: -memory.stated_at)
    return render(
        visit,
        "user.html",
        user_id=user_id,
        memories=memories,
        unindexed=_unindexed(services, user_id, memories),
        is_all=not after and page.next is None,
        following=page.next and address("/user", user_id=user_id, after=page.next),
        sent=visit.query.get("sent"),
    )


def history(visit: Visit) -> Response:
    """What was replaced, corrected or deleted, the latest first."""
    user_id = visit.asked("user_id")
    begin = place_in(visit)
    entries, rest = visit.noted("history", user_id).history.latest(user_id, _CHANGES, begin)
    following = rest and address("/history", user_id=user_id, at=rest[0], begin=rest[1])
    return render(
        visit, "history.html", user_id=user_id, entries=entries, begin=begin, following=following
    )


def _is_known(services: Services, user_id: str) -> bool:
    """Of whom there are sessions, or a history, something is known, though nothing is remembered."""
    return bool(
        services.sessions.by_activity(user_id, 1)[0] or services.history.latest(user_id, 1)[0]
    )


def _unindexed(services: Services, user_id: str, memories: Collection[Memory]) -> frozenset[str]:
    """Which of them wait for the search index."""
    waiting = frozenset(services.unindexed.of_user(user_id))
    return waiting & {memory.document_id for memory in memories}

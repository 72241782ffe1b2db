"""A user's sessions, and one of them: what was said, and beside it what was remembered."""

from starlette.responses import Response

from tablestore_memory.server.page.places import place_in
from tablestore_memory.server.page.rendering import address, render
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.problems import NotFound
from tablestore_memory.worker.operations.conversations import page_of_messages, page_of_sessions
from tablestore_memory.worker.operations.remembered import remembered_from
from tablestore_memory.worker.operations.session_work import work_in


def sessions(visit: Visit) -> Response:
    """The last active one first."""
    user_id = visit.asked("user_id")
    begin = place_in(visit)
    page = page_of_sessions(visit.noted("sessions", user_id), user_id, begin=begin)
    following = page.next and address(
        "/sessions", user_id=user_id, at=page.next[0], begin=page.next[1]
    )
    return render(
        visit,
        "sessions.html",
        user_id=user_id,
        sessions=page.sessions,
        begin=begin,
        following=following,
    )


def session(visit: Visit) -> Response:
    """Messages oldest first, from one of them on, and how far facts were extracted."""
    user_id, session_id = visit.asked("user_id"), visit.asked("session_id")
    begin = place_in(visit)
    services = visit.noted("messages", user_id)
    page = page_of_messages(services, user_id, session_id, begin=begin)
    infos = services.sessions.infos(user_id, [session_id])
    if not page.messages and not infos:
        raise NotFound("this user has no such session")
    following = page.next and address(
        "/session", user_id=user_id, session_id=session_id, at=page.next[0], begin=page.next[1]
    )
    return render(
        visit,
        "session.html",
        user_id=user_id,
        session_id=session_id,
        messages=page.messages,
        remembered=remembered_from(services, user_id, session_id),
        watermark=infos[0].watermark if infos else 0,
        work=work_in(services, user_id, [session_id])[session_id],
        begin=begin,
        following=following,
    )

"""One event's way by its id, from its publisher to the searchable memory."""

from starlette.responses import Response

from tablestore_memory.server.page.rendering import render
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.worker.operations.located import locate
from tablestore_memory.worker.operations.ways import way_of


def event(visit: Visit) -> Response:
    """Asks for an id if there is none. An event that nothing tells of is said to be that."""
    event_id, user_id, session_id = (
        visit.query.get(name, "") for name in ("event_id", "user_id", "session_id")
    )
    if not event_id:
        return render(visit, "event.html", found=None, event_id="", way=None)
    found = locate(visit.services, event_id, user_id=user_id, session_id=session_id)
    way = way_of(visit.noted("messages", found.user_id), found)
    is_there = found.row or found.entries or any(stage.state == "done" for stage in way.stages)
    status = 200 if is_there else 404
    return render(visit, "event.html", status, found=found, event_id=event_id, way=way)

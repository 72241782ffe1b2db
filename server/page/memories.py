"""One memory: what it says and rests on, what it was before, and how it is corrected or deleted by hand.

A worker does what is asked for, as if it were asked by the command line or over the API.
"""

from typing import get_args

from starlette.responses import Response

from tablestore_memory.protocol.events import MemoryKind
from tablestore_memory.server.access import Access
from tablestore_memory.server.api import memories as api
from tablestore_memory.server.api.call import Call
from tablestore_memory.server.api.reading import converted
from tablestore_memory.server.api.shapes import Edit, OfMemory
from tablestore_memory.server.page.rendering import address, render, see_other
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.problems import Malformed, NotFound
from tablestore_memory.worker.operations.evidence import excerpts
from tablestore_memory.worker.operations.kept import is_kept
from tablestore_memory.worker.operations.stories import Story, story
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.documents import DOCUMENT
from tablestore_memory.worker.stores.memory import Memory

PATH = "/memory"
_KINDS = get_args(MemoryKind)
_EDITED = ("text", "kind", "event_start", "event_end")


def memory(visit: Visit) -> Response:
    user_id, memory_id = _asked(visit)
    services = visit.noted("memories", user_id)
    told = _story(services, user_id, memory_id)
    return render(
        visit,
        "memory.html",
        user_id=user_id,
        memory_id=memory_id,
        story=told,
        excerpts=excerpts(services, told.asked) if told.asked else [],
        waits=memory_id in services.unindexed.of_user(user_id),
        may_edit=told.asked is not None and told.asked.kind != DOCUMENT,
        sent=visit.query.get("sent"),
    )


def edit_form(visit: Visit) -> Response:
    """Asks what it is to say; nothing is changed by that."""
    user_id, memory_id = _asked(visit)
    held = _held(visit.noted("memories", user_id), user_id, memory_id)
    kinds = list(dict.fromkeys((held.kind, *_KINDS)))
    return render(visit, "edit.html", user_id=user_id, memory=held, kinds=kinds)


def edit(visit: Visit) -> Response:
    """What was left as it was is no part of it."""
    user_id, memory_id = visit.given("user_id"), visit.given("memory_id")
    held = _held(visit.services, user_id, memory_id)
    given = {name: visit.form.get(name, [""])[-1].replace("\r\n", "\n") for name in _EDITED}
    changes = {name: each for name, each in given.items() if each != (getattr(held, name) or "")}
    if not changes:
        raise Malformed("nothing is changed", "text")
    edited = api.edit(
        _call(visit), OfMemory(memory_id=memory_id, user_id=user_id), converted(changes, Edit)
    )
    (sent,) = edited.event_ids
    return see_other(PATH, user_id=user_id, memory_id=memory_id, sent=sent)


def ask_delete(visit: Visit) -> Response:
    user_id, memory_id = _asked(visit)
    services = visit.noted("memories", user_id)
    told = _story(services, user_id, memory_id)
    if not is_kept(services, user_id, memory_id):
        raise NotFound("of this memory nothing is left that could be deleted")
    text = told.asked.text if told.asked else told.earlier[-1].text
    return render(
        visit,
        "confirm.html",
        question="Delete this memory for good?",
        details=[
            text,
            "It goes with what it was before, and is not extracted again from what was said. "
            "What was said stays.",
        ],
        action=f"{PATH}/delete",
        fields={"user_id": user_id, "memory_id": memory_id},
        button="Delete it",
        back=address(PATH, user_id=user_id, memory_id=memory_id),
    )


def delete(visit: Visit) -> Response:
    user_id, memory_id = visit.given("user_id"), visit.given("memory_id")
    asked = OfMemory(memory_id=memory_id, user_id=user_id)
    (sent,) = api.delete(_call(visit), asked, None).event_ids
    return see_other("/user", user_id=user_id, sent=sent)


def _asked(visit: Visit) -> tuple[str, str]:
    return visit.asked("user_id"), visit.asked("memory_id")


def _story(services: Services, user_id: str, memory_id: str) -> Story:
    if told := story(services, user_id, memory_id):
        return told
    raise NotFound("this user has no such memory, and had none")


def _held(services: Services, user_id: str, memory_id: str) -> Memory:
    """What may be corrected."""
    held = _story(services, user_id, memory_id).asked
    if held is None:
        raise NotFound("this memory holds no more")
    if held.kind == DOCUMENT:
        raise NotFound("an app keeps this as a whole message: it has to change it")
    return held


def _call(visit: Visit) -> Call:
    """As the API would be called, by who came in here."""
    return Call(visit.connections, Access(visit.name), "page")

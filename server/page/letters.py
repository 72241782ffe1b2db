"""Dead letters: listed with their reasons, and one with what it holds.

Listings show ids, sizes and reasons; what was said stands on the page of one letter alone.
"""

from dataclasses import asdict
from itertools import islice

import msgspec
from starlette.responses import Response

from tablestore_memory.server.page.actions import ACTIONS
from tablestore_memory.server.page.kinds import Kind
from tablestore_memory.server.page.rendering import render
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.problems import NotFound
from tablestore_memory.worker.operations.letters import ids_of, user_of
from tablestore_memory.worker.state.dead_letters import DeadLetter

_SHOWN = 50
_TEXT_SHOWN = 100_000  # characters


def listed(visit: Visit) -> Response:
    dead, kind = visit.services.dead, Kind.of(visit.query)
    letters = list(islice(kind.found(dead), _SHOWN))
    return render(
        visit,
        "letters.html",
        tally=sorted(dead.tally().items()),
        kind=asdict(kind),
        is_all=kind == Kind(),
        letters=[(letter, ids_of(letter)) for letter in letters],
        at_most=_SHOWN,
        actions=ACTIONS,
        done={name: n for name, n in visit.query.items() if n.isdecimal()},
    )


def shown(visit: Visit) -> Response:
    """With its event, so it is noted."""
    letter = _one(visit)
    visit.noted("dead show", user_of(letter))
    return render(
        visit,
        "letter.html",
        letter=letter,
        ids=ids_of(letter),
        event=_readable(letter.event)[:_TEXT_SHOWN],
        actions=ACTIONS,
    )


def _one(visit: Visit) -> DeadLetter:
    if letter := visit.services.dead.get(visit.asked("name")):
        return letter
    raise NotFound("there is no such dead letter: it may have been retried or discarded")


def _readable(event: bytes) -> str:
    """As JSON for people, without escapes, if it is JSON."""
    try:
        return msgspec.json.format(
            msgspec.json.encode(msgspec.json.decode(event)), indent=2
        ).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return event.decode(errors="replace")

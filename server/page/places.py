"""Where in a list a page begins: a stamp and an id, as the tables order their rows, in the query."""

from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.problems import Malformed

_LATEST = 2**63 - 1


def place_in(visit: Visit) -> tuple[int, str] | None:
    """None for the first page. Raises Malformed."""
    at = visit.query.get("at", "")
    if not at:
        return None
    if not (at.isascii() and at.isdecimal() and len(at) < 20 and int(at) <= _LATEST):
        raise Malformed("no page begins here", "at")
    return int(at), visit.query.get("begin", "")

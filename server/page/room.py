"""From a request to a page: who asks, what may be done, and how it all looks."""

from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tablestore_memory.server.api.call import done
from tablestore_memory.server.connections import Connections
from tablestore_memory.server.page.door import Door
from tablestore_memory.server.page.guarded import Endpoint, form_of, guarded
from tablestore_memory.server.page.login import Login, cookie_of
from tablestore_memory.server.page.pulse import Pulse
from tablestore_memory.server.page.table import PAGES, Page
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.problems import Forbidden, Unauthorized

_STATIC = Path(__file__).parent / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NAVIGATION = [(page.path, page.title) for page in PAGES if page.title]


def routes(connections: Connections, door: Door, pulse: Pulse) -> Iterator[Route]:
    """Those of the table, and what is open to everybody: the door, and what makes them look as they do."""
    for page in PAGES:
        shown = guarded(_shown(page, connections, door, pulse))
        yield Route(page.path, shown, methods=[page.method])
    yield from Login(door).routes()
    for path in _STATIC.iterdir():
        yield Route(f"/static/{path.name}", guarded(_file(path)), methods=["GET"])


def _shown(page: Page, connections: Connections, door: Door, pulse: Pulse) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        name = door.visitor(request.cookies.get(cookie_of(request), ""))
        if name is None:
            raise Unauthorized
        if page.writes and connections.settings.page_read_only:
            raise Forbidden("this page only reads, see MEMORY_PAGE_READ_ONLY")
        form = await form_of(request) if page.method == "POST" else {}
        visit = Visit(
            connections, pulse, _NAVIGATION, name, page.path, dict(request.query_params), form
        )
        response: Response = await done(connections.threads, page.function, visit)
        return response

    return endpoint


def _file(path: Path) -> Endpoint:
    content = path.read_bytes()

    async def endpoint(_: Request) -> Response:
        return Response(content, media_type=_KINDS[path.suffix])

    return endpoint

"""The first page: how the work stands."""

from starlette.responses import Response

from tablestore_memory.server.page.rendering import render
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.worker.operations.status import standing


def overview(visit: Visit) -> Response:
    """Reads Redis only, so it tells also while everything else is away."""
    services = visit.services
    return render(visit, "overview.html", now=standing(services.redis, services.streams))

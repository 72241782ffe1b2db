"""`/health`, for probes: whether events can be taken and carried on. `/metrics`, for Prometheus."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.server.api.call import Call
from tablestore_memory.server.api.shapes import Health, Nothing
from tablestore_memory.server.connections import Connections
from tablestore_memory.server.problems import Unavailable


def health(connections: Connections) -> Health:
    """Redis alone is asked, so a slow Tablestore makes no server unhealthy. Raises Unavailable."""
    try:
        connections.redis.ping()
    except (*REDIS_ERRORS, OSError):
        raise Unavailable("Redis does not answer") from None
    return Health("ok")


def metrics(call: Call, _: Nothing, __: None) -> Response:
    """How the work stands, and what all workers counted (docs/metrics.md); for a token of all users."""
    call.access.to_everything()
    text = generate_latest(call.connections.exposition.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)

"""`POST /v1/recall`: what an agent is given for a question."""

import time

import msgspec
import structlog

from tablestore_memory.recall import Recalled
from tablestore_memory.server.api.call import Call
from tablestore_memory.server.api.shapes import Nothing, Question
from tablestore_memory.server.problems import Malformed

log = structlog.get_logger()


async def recall(call: Call, _: Nothing, question: Question) -> Recalled:
    """Facts, and the turns they came from, in a block for a prompt; by its deadline, whatever is missing then."""
    asked = msgspec.structs.asdict(question) | {"user_id": call.access.user(question.user_id)}
    given = {name: value for name, value in asked.items() if value is not None}
    began = time.monotonic()
    try:
        found = await call.connections.recall.aio(**given)
    except ValueError as error:  # which names the argument, and repeats nothing
        named = str(error).partition(": ")
        raise Malformed(named[2], named[0]) from None
    duration_ms = round((time.monotonic() - began) * 1000, 1)
    log.debug("recall.answered", duration_ms=duration_ms, missing=len(found.missing))
    return found

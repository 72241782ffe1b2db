"""The vectors of what was found, computed once and kept with it."""

from dataclasses import replace

from tablestore_memory.worker.extract.facts import Skipped
from tablestore_memory.worker.extract.plans import Plan
from tablestore_memory.worker.failures.errors import Final
from tablestore_memory.worker.qwen.client import Qwen


def with_vectors(qwen: Qwen, plan: Plan) -> Plan:
    """The plan with a vector for each of its memories; one whose text is refused is left out, and told.

    Raises whatever keeps the service away.
    """
    found = plan.found
    try:
        return replace(plan, vectors=tuple(qwen.embed([m.text for m in found.memories])))
    except Final:
        vectors, memories, skipped = [], [], list(found.skipped)
    for memory in found.memories:
        try:
            vectors += qwen.embed([memory.text])
            memories.append(memory)
        except Final as error:
            ids = tuple(source.message_id for source in memory.sources)
            kind = type(error).__name__
            skipped.append(Skipped(ids, str(error), kind, memory.received_ms))
    left = replace(found, memories=tuple(memories), skipped=tuple(skipped))
    return replace(plan, found=left, vectors=tuple(vectors))

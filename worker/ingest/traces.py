"""What the span of a batch says: where its events came from, and in which traces they were published.

Source: semantic conventions for messaging, 1.44 (status: development).
"""

from collections.abc import Sequence

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.protocol.traces import is_sampled, is_traceparent
from tablestore_memory.worker.ingest.batches import Batch
from tablestore_memory.worker.tracing import spans


def about_batch(streams: Streams, partition: int, events: int) -> spans.Attributes:
    """Attributes of a batch of so many events."""
    return {
        "messaging.system": "redis",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": streams.events(partition),
        "messaging.destination.partition.id": str(partition),
        "messaging.batch.message_count": events,
    }


def traces_of(batch: Batch) -> Sequence[str]:
    """The recorded traces of its events, each once; none where nobody asks for them."""
    if not spans.is_on():
        return ()
    named = {entry.event.traceparent for entry in batch.entries} - {None}
    return [each for each in named if each and is_traceparent(each) and is_sampled(each)]

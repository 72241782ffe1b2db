"""What the span of a batch says: where its events came from, and in which traces they were published.

Source: semantic conventions for messaging, 1.44 (status: development).
"""

from collections.abc import Sequence
from itertools import islice

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.protocol.traces import is_sampled, is_traceparent
from tablestore_memory.worker.ingest.batches import Batch
from tablestore_memory.worker.tracing import spans

# Each takes some 40 µs, with its way to the collector, and a full batch has 200 events.
_MOST_LINKS = 16


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
    """The recorded traces of its events, each once, the first so many; none where nobody asks for them."""
    if not spans.is_on():
        return ()
    named = dict.fromkeys(entry.event.traceparent for entry in batch.entries)
    recorded = (each for each in named if each and is_traceparent(each) and is_sampled(each))
    return list(islice(recorded, _MOST_LINKS))

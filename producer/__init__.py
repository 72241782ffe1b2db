"""What an agent imports: publish events to Redis and go on. Needs redis and msgspec only."""

from tablestore_memory.producer.errors import (
    BadSetting,
    BlockingInEventLoop,
    MalformedEvent,
    ProducerError,
    QueueFull,
    UnknownType,
    UnknownVersion,
)
from tablestore_memory.producer.events import Event, Forget, Message, Remember, SessionEnd
from tablestore_memory.producer.lines import from_line
from tablestore_memory.producer.publisher import Publisher

__all__ = [
    "BadSetting",
    "BlockingInEventLoop",
    "Event",
    "Forget",
    "MalformedEvent",
    "Message",
    "ProducerError",
    "Publisher",
    "QueueFull",
    "Remember",
    "SessionEnd",
    "UnknownType",
    "UnknownVersion",
    "from_line",
]

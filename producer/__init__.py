"""What an agent imports: publish events to Redis and go on. Needs redis and msgspec only."""

from tablestore_memory.producer.errors import (
    BadSetting,
    BlockingInEventLoop,
    ProducerError,
    QueueFull,
)
from tablestore_memory.producer.lines import from_line
from tablestore_memory.producer.publisher import Publisher
from tablestore_memory.protocol.errors import (
    EventTooLarge,
    MalformedEvent,
    UnknownType,
    UnknownVersion,
)
from tablestore_memory.protocol.events import Event, Forget, Message, Remember, SessionEnd

__all__ = [
    "BadSetting",
    "BlockingInEventLoop",
    "Event",
    "EventTooLarge",
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

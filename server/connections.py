"""The one publisher and the one recall of a process, and the stores that it reads. Connects when first asked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from anyio import CapacityLimiter
from redis import Redis

from tablestore_memory.producer import Publisher
from tablestore_memory.producer.clock import Clock, EventIds
from tablestore_memory.producer.lines import Line, from_line
from tablestore_memory.protocol.events import Event
from tablestore_memory.recall import Recall
from tablestore_memory.server.costs import RecallCosts
from tablestore_memory.server.settings import ServerSettings
from tablestore_memory.worker.operations.deeds import deed, note_deed
from tablestore_memory.worker.operations.exposition import Exposition
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.state.connection import connect_redis

_ANSWERS_WITHIN_S = 2.0


@dataclass
class Connections:
    """To be made once in a process, and closed."""

    settings: ServerSettings
    publisher: Publisher
    recall: Recall
    costs: RecallCosts
    ids: EventIds = field(default_factory=EventIds)
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def opened(
        cls, settings: ServerSettings, environ: Mapping[str, str] = os.environ
    ) -> "Connections":
        """Raises what a publisher and a recall do about their settings."""
        publisher = Publisher(
            settings.redis_url,
            prefix=settings.prefix,
            partitions=settings.partitions,
            # Who asks over HTTP is told, and keeps what finds no room.
            when_full="raise",
            durability="journal",
            handle_sigterm=False,
        )
        costs = RecallCosts(lambda: opened.services.book)
        opened = cls(settings, publisher, Recall.from_env(environ, hear=costs), costs)
        return opened

    @cached_property
    def threads(self) -> CapacityLimiter:
        """For what waits for the stores: as many as there are requests at once, however they come."""
        return CapacityLimiter(self.settings.server_requests)

    @cached_property
    def redis(self) -> Redis:
        """For a request, which cannot wait as long as a worker."""
        return connect_redis(
            self.settings.redis_url,
            socket_timeout_s=_ANSWERS_WITHIN_S,
            connect_timeout_s=_ANSWERS_WITHIN_S,
        )

    @cached_property
    def services(self) -> Services:
        return Services(self.settings, redis=self.redis)

    @cached_property
    def exposition(self) -> Exposition:
        return Exposition(self.redis, self.services.keys)

    def event_of(self, line: Line) -> Event:
        """The complete event: each later than the one before. Raises MalformedEvent."""
        return from_line(line, ids=self.ids, clock=self.clock)

    def noted(self, command: str, user_id: str, *, by: str) -> Services:
        """The stores, once the audit has it; `by` is how somebody came in, and a name. Raises what Redis does."""
        note_deed(self.redis, self.services.keys, deed(command, user_id, by=by))
        return self.services

    def close(self) -> None:
        """Deliver what was published, for as long as a publisher does when its process ends."""
        self.publisher.close()
        self.recall.close()
        self.costs.close()

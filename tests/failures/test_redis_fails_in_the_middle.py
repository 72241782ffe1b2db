"""Redis that fails in the middle of a try is nobody's fault: no try counts, and nobody is ever given up for it.

Redis and client are real; their connection breaks at a command that the test chooses, or the server ends.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import OutOfMemoryError, RedisError
from redis.retry import Retry

from devtools.deployment import Deployment
from devtools.extraction import said, store
from devtools.servers import Server, wait_until
from tablestore_memory.protocol.events import Remember, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.extract.facts import FactFinder
from tablestore_memory.worker.failures.errors import Busy
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.sessions.due import member
from tablestore_memory.worker.state import lease as leases
from tablestore_memory.worker.state.attempts import Attempts
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.lease import Leases
from tests.failures.ingesting import append, dead, idle_deployment, message

ATTEMPTS = 3
SHORT_LEASE_MS = 1_500


class Line:
    """To Redis, from the steps of one process; what renews leases has its own troubles."""

    def __init__(self) -> None:
        self.sent = 0
        self.breaks: Callable[[bytes], bool] = lambda _: False
        self.error: Exception = NoConnection("gone")

    @contextmanager
    def broken(self, breaks: Callable[[bytes], bool]) -> Iterator[None]:
        """For commands of which that is true; `sent` counts them."""
        self.sent, self.breaks = 0, breaks
        try:
            yield
        finally:
            self.breaks = lambda _: False

    def send(self, connection: Connection, command: bytes) -> None:
        if threading.current_thread().name == "renew leases":
            return
        self.sent += 1
        if self.breaks(command):
            connection.disconnect()  # type: ignore[no-untyped-call]  # redis-py's gap
            raise self.error


def number(line: Line, at: int) -> Callable[[bytes], bool]:
    return lambda _: line.sent == at


def after(first: bytes) -> Callable[[bytes], bool]:
    """True of all that follows the first command that holds this."""
    was_sent = False

    def follows(command: bytes) -> bool:
        nonlocal was_sent
        follows, was_sent = was_sent, was_sent or first in command
        return follows

    return follows


def connected(url: str, line: Line) -> Redis:
    class Breaking(Connection):
        def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            line.send(self, b"".join(command))
            super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]

    never = Retry(NoBackoff(), 0)
    return Redis(
        connection_pool=ConnectionPool.from_url(url, connection_class=Breaking, retry=never)
    )


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def deployment(redis_url: str, tablestore_url: str, dashscope_url: str) -> Deployment:
    return idle_deployment(
        redis_url, tablestore_url, dashscope_url, MEMORY_EXTRACT_ATTEMPTS=str(ATTEMPTS)
    )


@pytest.fixture
def services(deployment: Deployment, line: Line) -> Services:
    """Of a worker's process, on that line; the deployment's own are on another."""
    return Services(deployment.settings, redis=connected(deployment.settings.redis_url, line))


class Waiting:
    """What waits to be done in `services`; what became of it the deployment's own tell."""

    BEGINS = b"\r\nHSET\r\n"
    """In the command that counts a try."""

    def __init__(self, deployment: Deployment, services: Services, name: str) -> None:
        self.own, self.services, self.name = deployment.services, services, name
        self.partition = self.own.streams.partition(name)
        self.put(deployment)

    def put(self, deployment: Deployment) -> None: ...

    def run(self) -> None: ...

    def leases_run_out(self) -> None:
        """Those that could not be given back."""
        for key in self.own.redis.scan_iter(f"{self.own.settings.prefix}:*lease*"):
            self.own.redis.delete(key)

    @property
    def tries(self) -> int:
        return self.noted.tries if self.noted else 0

    @property
    def noted(self) -> Attempts | None: ...

    @property
    def waits(self) -> bool: ...


class Session(Waiting):
    """An extraction."""

    def put(self, deployment: Deployment) -> None:
        store(deployment, said(self.name, self.name, 1, "I like tea.", name="Ana"))

    def run(self) -> None:
        self.services.attempt.run(self.name, self.name)

    @property
    def noted(self) -> Attempts | None:
        found = self.own.attempt.tries.attempts.all(self.partition)
        return found.get(member(self.name, self.name))

    @property
    def waits(self) -> bool:
        return self.own.due.waits(self.name, self.name)


class Decision(Waiting):
    """On what somebody said a month ago."""

    def put(self, deployment: Deployment) -> None:
        self.key = self.own.keys.to_decide(self.partition)
        for minute, text in enumerate(("I like tea.", "I like green tea with milk."), 1):
            session = f"{self.name}-{minute}"
            store(deployment, said(self.name, session, minute, text, name="Ana"))
            self.own.attempt.run(self.name, session)
        assert self.waits

    def run(self) -> None:
        self.own.redis.zadd(self.key, {self.name: 0}, xx=True)
        self.services.undecided.decide(self.name)

    @property
    def noted(self) -> Attempts | None:
        found = self.own.undecided.tries.attempts.all(self.partition)
        return found.get(self.name.encode())

    @property
    def waits(self) -> bool:
        return self.own.redis.zscore(self.key, self.name) is not None


class Request(Waiting):
    """Something to be remembered."""

    def put(self, deployment: Deployment) -> None:
        self.key = self.own.keys.requests(self.partition)
        event = Remember(event_id=self.name, user_id=self.name, created_at=1, text="Ana likes tea")
        self.entry: Any = self.own.redis.xadd(self.key, {EVENT_FIELD: encode(event)})

    def run(self) -> None:
        wait_until(
            lambda: self.noted is None or self.noted.next_ms <= now_ms(self.own.redis),
            "its turn",
        )
        self.services.requests.process(self.partition)

    @property
    def noted(self) -> Attempts | None:
        return self.own.request_attempts.all(self.partition).get(self.entry)

    @property
    def waits(self) -> bool:
        return bool(self.own.redis.xrange(self.key, self.entry, self.entry))


class Front(Waiting):
    """A message at the front of its stream."""

    BEGINS = b"redis.call('XRANGE', events"

    def put(self, deployment: Deployment) -> None:
        append(deployment, self.partition, message(self.name, 1))

    def run(self) -> None:
        self.services.ingest.drain(self.partition)

    @property
    def tries(self) -> int:
        in_flight = self.own.keys.in_flight(self.partition)
        return int(self.own.redis.hget(in_flight, "tries") or 0)

    @property
    def waits(self) -> bool:
        return bool(self.own.redis.xlen(self.own.streams.events(self.partition)))


KINDS = [Session, Decision, Request, Front]
FAILURES = (RedisError, Busy)


@pytest.mark.parametrize("kind", KINDS)
def test_connection_that_breaks_at_any_command_makes_no_try(
    deployment: Deployment,
    services: Services,
    line: Line,
    fresh_name: str,
    kind: type[Waiting],
) -> None:
    counted = []
    for at in range(1, 100):
        waiting = kind(deployment, services, f"{fresh_name}-{at}")
        with line.broken(number(line, at)), suppress(*FAILURES):
            waiting.run()
        if line.sent < at:
            break
        if waiting.tries:
            counted.append(at)
        while waiting.waits:
            waiting.run()

    assert at > 5
    assert counted == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [NoConnection("gone"), OutOfMemoryError("used > maxmemory")])
def test_redis_that_stays_away_again_and_again_gives_nothing_up(
    deployment: Deployment,
    services: Services,
    line: Line,
    fresh_name: str,
    kind: type[Waiting],
    error: Exception,
) -> None:
    line.error = error
    waiting = kind(deployment, services, fresh_name)
    for _ in range(2 * ATTEMPTS):
        with line.broken(after(kind.BEGINS)), suppress(*FAILURES):
            waiting.run()
        assert waiting.tries == 1  # that of a worker which died would look the same
        waiting.leases_run_out()
    assert waiting.waits

    waiting.run()

    assert not waiting.waits
    assert dead(deployment) == []


class Asked(FactFinder):
    """Something happens while Qwen is asked."""

    happens: Callable[[], None]

    def find(self, *about: Any) -> Any:
        self.happens()
        return super().find(*about)


def test_lease_that_runs_out_while_redis_is_away_makes_no_try(
    tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    with Server.start("redis", "--appendonly", "yes", "--appendfsync", "always") as server:
        deployment = idle_deployment(server.url, tablestore_url, dashscope_url)
        settings, own = deployment.settings, deployment.services
        finder = Asked(own.qwen)
        finder.happens = lambda: be_away(server)
        short = Leases(own.redis, ttl_ms=SHORT_LEASE_MS)
        services = Services(settings, redis=own.redis, finder=finder, leases=short)
        waiting = Session(deployment, services, fresh_name)

        with suppress(*FAILURES):
            waiting.run()

        assert waiting.tries == 0
        assert waiting.waits


def be_away(server: Server) -> None:
    """For longer than a lease lasts."""
    (lease,) = leases._renewals.held()
    server.kill()
    wait_until(lambda: lease.lost_with_redis, "the lease run out")
    server.restart()

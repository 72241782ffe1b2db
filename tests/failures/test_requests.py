"""Requests: whose turn it is, what a failure costs, and whom it holds up.

The work of a request is put in here; turns, tries and letters are real.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as NoConnection

from devtools.deployment import Deployment
from devtools.servers import wait_until
from tablestore_memory.protocol.events import Event, Forget, Remember, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.failures.errors import (
    BadCredentials,
    Busy,
    IndexBehind,
    InvalidRow,
    LeaseLost,
    RowConflict,
    ServiceFails,
    Throttled,
)
from tablestore_memory.worker.failures.isolation import Isolation
from tablestore_memory.worker.requests.carry_out import RequestWork
from tablestore_memory.worker.services import Collaborators, Services
from tablestore_memory.worker.state.attempts import AttemptLog, Attempts
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.dead_letters import DeadLetter
from tablestore_memory.worker.state.entries import oldest
from tablestore_memory.worker.state.lease import Lease, Leases

TRIES = 3
AN_HOUR_S = 3_600


class Work(RequestWork):
    """Carries nothing out: tells what came, in order, and has the troubles it is given."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.troubles: dict[str, Callable[[], None]] = {}

    def carry_out(self, event: Event, received_ms: int) -> None:
        self.done.append(event.event_id)
        self.troubles.get(event.event_id, lambda: None)()


class Asked:
    """The requests of one partition; `done` tells which were carried out, in order."""

    def __init__(self, deployment: Deployment) -> None:
        self.settings = deployment.settings
        self.redis = deployment.services.redis
        self.work = Work()
        self.probe: Callable[[], None] = lambda: None
        self.given: Collaborators = {
            "redis": self.redis,
            "isolation": Isolation(60, TRIES),
            "probe_all": lambda: self.probe(),
            "request_work": self.work,
            # So that its loss is noticed soon.
            "leases": Leases(self.redis, ttl_ms=1_500),
        }
        self.services = Services(self.settings, **self.given)
        self.stream = self.services.keys.requests(0)
        self.lease = self.services.keys.requests_lease(0)

    def ask(self, *events: Event | bytes) -> None:
        for event in events:
            raw = event if isinstance(event, bytes) else encode(event)
            self.redis.xadd(self.stream, {EVENT_FIELD: raw})

    def fails(self, event_id: str, error: Exception) -> None:
        self.work.troubles[event_id] = raising(error)

    def pause(self, seconds: float) -> None:
        """Between two tries of what fails."""
        log = AttemptLog(
            self.redis, self.services.keys.requests_tries, first_s=seconds, longest_s=seconds
        )
        self.given["request_attempts"] = log
        self.services = Services(self.settings, **self.given)

    @property
    def done(self) -> list[str]:
        return self.work.done

    def process(self) -> int:
        return self.services.requests.process(0)

    def turn(self) -> list[str]:
        """What one turn carries out."""
        self.done.clear()
        self.process()
        return list(self.done)

    @property
    def tried(self) -> list[Attempts]:
        return list(self.services.request_attempts.all(0).values())

    @property
    def left(self) -> int:
        return int(self.redis.xlen(self.stream))

    @property
    def letters(self) -> list[DeadLetter]:
        return list(self.services.dead.all())


@pytest.fixture
def asked(undrained: Deployment) -> Asked:
    return Asked(undrained)


def remember(user: str, name: str, **more: Any) -> Remember:
    fields: dict[str, Any] = {"event_id": name, "user_id": user, "created_at": 1, "text": "Tea."}
    return Remember(**fields | more)


def forget(user: str, name: str) -> Forget:
    return Forget(event_id=name, user_id=user, created_at=1)


def raising(error: Exception) -> Callable[[], None]:
    def trouble() -> None:
        raise error

    return trouble


def test_to_forget_overtakes_all_and_the_others_keep_their_order(asked: Asked) -> None:
    asked.ask(remember("ana", "1"), remember("ana", "2"), remember("bo", "3"), forget("cy", "4"))

    settled = asked.process()

    assert asked.done == ["4", "1", "2", "3"]
    assert (settled, asked.left, asked.tried, asked.letters) == (4, 0, [], [])


def test_what_failed_waits_and_only_its_own_user_behind_it(asked: Asked) -> None:
    asked.pause(AN_HOUR_S)
    asked.ask(remember("ana", "1"), forget("bo", "2"))
    asked.fails("1", KeyError())
    asked.fails("2", KeyError())
    first = asked.turn()

    asked.ask(remember("ana", "3"), remember("bo", "4"), forget("ana", "5"))
    second = asked.turn()

    assert first == ["2", "1"]
    assert second == ["5", "4"]
    assert asked.left == 3


def test_what_failed_is_tried_again_after_what_is_new_and_before_its_users_next(
    asked: Asked,
) -> None:
    asked.pause(0)
    asked.ask(remember("ana", "1"), remember("ana", "2"), remember("cy", "0"))
    asked.fails("1", KeyError())
    first = asked.turn()
    asked.ask(remember("bo", "3"))
    asked.work.troubles.clear()

    assert [first, asked.turn(), asked.turn()] == [["1", "0"], ["3", "1"], ["2"]]


def test_turn_ends_after_fifty_so_that_others_have_theirs(asked: Asked) -> None:
    asked.ask(*(remember("ana", f"{n}") for n in range(51)))

    turns = [len(asked.turn()), len(asked.turn())]

    assert turns == [50, 1]


def test_partition_has_one_turn_at_a_time(asked: Asked) -> None:
    asked.ask(remember("ana", "1"))

    with Lease(asked.redis, asked.lease), pytest.raises(Busy):
        asked.turn()

    assert asked.left == 1


@pytest.mark.parametrize("error", [Busy("x"), Throttled("x"), IndexBehind("x")])
def test_what_is_no_fault_of_the_request_counts_for_nothing_and_is_tried_a_second_later(
    asked: Asked, error: Exception
) -> None:
    asked.pause(AN_HOUR_S)
    asked.ask(remember("ana", "1"), remember("bo", "2"))
    asked.fails("1", error)

    settled = asked.process()

    (tried,) = asked.tried
    wait_ms = tried.next_ms - now_ms(asked.redis)
    assert (settled, asked.done) == (1, ["1", "2"])
    assert (tried.tries, tried.failure) == (0, None)
    assert wait_ms <= 1_000
    wait_until(lambda: asked.turn() == ["1"], "it is tried again")
    assert now_ms(asked.redis) >= tried.next_ms


def test_what_everybody_would_meet_ends_the_turn_and_counts_for_nothing(asked: Asked) -> None:
    asked.ask(remember("ana", "1"), remember("bo", "2"))
    asked.fails("1", BadCredentials("the key"))

    with pytest.raises(BadCredentials, match="the key"):
        asked.turn()

    assert asked.done == ["1"]
    assert [tried.tries for tried in asked.tried] == [0]
    assert (asked.left, asked.letters) == (2, [])


@pytest.mark.parametrize("error", [KeyError("x"), RowConflict("x")])
def test_failure_of_a_service_that_fails_at_something_trivial_too_counts_for_nothing(
    asked: Asked, error: Exception
) -> None:
    asked.probe = raising(Throttled("x"))
    asked.ask(remember("ana", "1"), remember("bo", "2"))
    asked.fails("1", error)

    with pytest.raises(ServiceFails) as raised:
        asked.turn()

    assert raised.value.__cause__ is error
    assert asked.done == ["1"]
    assert [tried.tries for tried in asked.tried] == [0]
    assert asked.left == 2


def test_request_that_keeps_failing_is_set_aside_after_its_tries(asked: Asked) -> None:
    asked.pause(0)
    asked.ask(remember("ana", "1"))
    asked.fails("1", KeyError("quoted"))
    (entry,) = oldest(asked.redis, asked.stream, 2)
    received_ms = entry.received_ms

    settled = [asked.process() for _ in range(TRIES + 1)]

    (letter,) = asked.letters
    assert asked.done == ["1"] * TRIES
    assert settled == [0] * TRIES + [1]
    assert (letter.queue, letter.error, letter.reason) == ("requests", "KeyError", "KeyError")
    assert (letter.partition, letter.received_ms) == (0, received_ms)
    assert letter.event == encode(remember("ana", "1"))
    assert (asked.left, asked.tried) == (0, [])


def test_request_that_fails_is_not_set_aside_while_the_services_fail_too(asked: Asked) -> None:
    asked.pause(0)
    asked.ask(remember("ana", "1"))
    asked.fails("1", KeyError())
    for _ in range(TRIES):
        asked.turn()
    asked.probe = raising(Throttled("x"))

    with pytest.raises(ServiceFails):
        asked.turn()

    (tried,) = asked.tried
    assert (asked.done, asked.left, asked.letters) == ([], 1, [])
    assert tried.tries == TRIES


def test_request_that_killed_its_workers_is_set_aside(asked: Asked) -> None:
    asked.ask(remember("ana", "1"))
    (entry,) = oldest(asked.redis, asked.stream, 2)
    for _ in range(TRIES):
        asked.services.request_attempts.begin(0, entry.entry_id.encode())

    settled = asked.process()

    (letter,) = asked.letters
    assert (settled, asked.done) == (1, [])
    assert (letter.error, letter.reason) == ("WorkerDied", "its worker died each time")


def test_request_that_can_never_be_done_is_set_aside_at_once_with_the_reason(asked: Asked) -> None:
    asked.probe = raising(Throttled("nobody is to ask"))
    asked.ask(remember("ana", "1"))
    asked.fails("1", InvalidRow("too wide"))

    settled = asked.process()

    (letter,) = asked.letters
    assert settled == 1
    assert (letter.error, letter.reason) == ("InvalidRow", "too wide")
    assert (asked.left, asked.tried) == (0, [])


def test_malformed_request_is_set_aside_as_it_came(undrained: Deployment, fresh_name: str) -> None:
    stream = undrained.services.streams.key(0, "requests")
    undrained.services.redis.xadd(stream, {EVENT_FIELD: b'{"type": "remember"}'})

    settled = undrained.services.requests.process(0)

    (letter,) = undrained.services.dead.all()
    assert settled == 1
    assert (letter.event, letter.error) == (b'{"type": "remember"}', "MalformedEvent")
    assert letter.reason.startswith("event_id: ")


def test_letter_of_a_request_holds_no_secret(asked: Asked) -> None:
    key = "sk-0123456789abcdef0123"
    secret = {"text": f"My key is {key}"}
    document = {"id": "d", "content": [{"type": "text", **secret}]}
    asked.ask(
        remember("ana", "1", metadata=secret, document=document, **secret),
        remember("ana", "2", **secret),
    )
    for name in "12":
        asked.fails(name, InvalidRow("x"))

    asked.turn()

    whole, text = (letter.event for letter in asked.letters)
    assert key.encode() not in whole + text
    assert whole.count(b"My key is [secret]") == 3
    assert text == encode(remember("ana", "2", text="My key is [secret]"))


def test_redis_that_goes_away_is_nobodys_fault(asked: Asked) -> None:
    asked.probe = raising(Throttled("nobody is to ask"))
    asked.ask(remember("ana", "1"))
    asked.fails("1", NoConnection("gone"))

    with pytest.raises(NoConnection):
        asked.turn()

    assert (asked.left, asked.letters) == (1, [])


def lose_lease(asked: Asked) -> None:
    """Another worker takes the lease, and its holder notices."""
    asked.redis.set(asked.lease, "another")
    wait_until(
        lambda: all(thread.name != "renew leases" for thread in threading.enumerate()),
        "the loss noticed",
    )


@pytest.mark.parametrize("error", [None, KeyError(), InvalidRow("x")])
def test_turn_that_lost_its_lease_settles_nothing(asked: Asked, error: Exception | None) -> None:
    asked.ask(remember("ana", "1"), remember("bo", "2"))

    def stopped() -> None:
        lose_lease(asked)
        if error:
            raise error

    asked.work.troubles["1"] = stopped

    with pytest.raises(LeaseLost, match="requests-lease"):
        asked.turn()

    assert asked.done == ["1"]
    assert (asked.left, asked.letters) == (2, [])
    assert [(tried.tries, tried.next_ms) for tried in asked.tried] == [(1, 0)]


def test_turn_that_lost_its_lease_between_two_requests_begins_no_other(asked: Asked) -> None:
    asked.ask(remember("ana", "1"), remember("bo", "2"))

    def looked_at() -> float:
        """The clock, before each request."""
        if asked.done:
            lose_lease(asked)
        return 0.0

    turn = replace(asked.services.requests, monotonic=looked_at)

    with pytest.raises(LeaseLost):
        turn.process(0)

    assert asked.done == ["1"]
    assert asked.left == 1

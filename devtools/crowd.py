"""Many users, sessions, messages and memories at once: their rows are written as the workers would, without them.

    seed(deployment, Crowd())

One user talks far more than the others, and one of that user's sessions is long.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from devtools.deployment import Deployment
from tablestore_memory.protocol.events import Message
from tablestore_memory.worker.stores.memories import Memory, Source
from tablestore_memory.worker.stores.rows import RowWrite, message_row
from tablestore_memory.worker.stores.write import write_all

_BEGAN_US = 1_700_000_000_000_000
_SESSION_US = 3_600_000_000
_MESSAGE_US = 10_000_000
_ROWS = 200  # of a batch


@dataclass(frozen=True)
class Crowd:
    """`sessions` in all, of which the talkative user has a share; half of the memories were changed once."""

    sessions: int = 10_000
    talkative: str = "talkative"
    share: float = 0.3
    a_user: int = 20
    messages: int = 6
    long_session: int = 2_000

    def of_users(self) -> Iterator[tuple[str, int]]:
        """The users, and how many sessions each has."""
        most = round(self.sessions * self.share)
        yield self.talkative, most
        for number in range((self.sessions - most) // self.a_user):
            yield f"user-{number:04}", self.a_user


def seed(deployment: Deployment, crowd: Crowd) -> None:
    """Write all of it. What is searchable is so a moment later."""
    rows = (
        row
        for user, sessions in crowd.of_users()
        for row in _user(deployment, crowd, user, sessions)
    )
    while some := list(islice(rows, _ROWS)):
        write_all(deployment.services.tablestore, some)


def session_of(user: str, number: int) -> str:
    return f"{user}-s{number:05}"


def _user(deployment: Deployment, crowd: Crowd, user: str, sessions: int) -> Iterator[RowWrite]:
    rng = random.Random(user)
    for number in range(sessions):
        is_long = user == crowd.talkative and number == 0
        yield from _session(
            deployment, user, number, crowd.long_session if is_long else crowd.messages
        )
        if number % 2 == 0:
            yield from _memory(deployment, user, number, rng)


def _session(deployment: Deployment, user: str, number: int, messages: int) -> Iterator[RowWrite]:
    services = deployment.services
    said = [_message(user, number, each) for each in range(messages)]
    for event in said:
        yield message_row(services.names.message, event, event.created_at // 1000)
    session = session_of(user, number)
    yield services.sessions.row(user, session, said[-1].created_at)


def _message(user: str, number: int, place: int) -> Message:
    session = session_of(user, number)
    return Message(
        event_id=f"{session}-{place}",
        message_id=f"{session}-{place}",
        user_id=user,
        session_id=session,
        created_at=_BEGAN_US + number * _SESSION_US + place * _MESSAGE_US,
        role="assistant" if place % 2 else "user",
        content=f"I moved to town {number}, and I like dish {place}. 我喜欢喝茶。" * 3,
    )


def _memory(
    deployment: Deployment, user: str, number: int, rng: random.Random
) -> Iterator[RowWrite]:
    """What one session gave, with a vector that means nothing; every other one took another's place."""
    services = deployment.services
    new = _fact(user, number, f"{user} lives in town {number}.")
    vector = [rng.uniform(-1, 1) for _ in range(deployment.settings.embedding_dimension)]
    yield services.memories.row(new, vector)
    if number % 4 == 0:
        old = _fact(user, number, f"{user} lives in village {number}.")
        yield services.history.row(old, new, reason="moved")


def _fact(user: str, number: int, text: str) -> Memory:
    event = _message(user, number, 0)
    quote = f"I moved to town {number}"
    received_ms = event.created_at // 1000
    return Memory(
        user_id=user,
        text=text,
        session_id=event.session_id,
        valid_from=event.created_at,
        stated_at=event.created_at,
        sources=(Source(event.message_id, quote, event.session_id, received_ms, event.created_at),),
        received_ms=received_ms,
    ).identified()

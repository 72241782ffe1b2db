"""Dead letters: listed with their reasons, and tried again or discarded, one or all of a kind.

Listings show ids, sizes and reasons; what was said stands on the page of one letter alone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice

import msgspec
from starlette.responses import Response

from tablestore_memory.server.page.rendering import address, render, see_other
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.problems import NotFound
from tablestore_memory.worker.operations.letters import ids_of, retry, user_of
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.state.dead_letters import DeadLetter, DeadLetters

PATH = "/dead-letters"
_SHOWN = 100
_AT_ONCE = 1_000
"""Each is noted and moved by itself: more would outlast a request."""
_TEXT_SHOWN = 100_000  # characters


@dataclass(frozen=True)
class Kind:
    """Which letters: one by its name, or all with these."""

    name: str = ""
    queue: str = ""
    error: str = ""
    reason: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Kind":
        return cls(*(given.get(field, "") for field in cls.__dataclass_fields__))

    def found(self, dead: DeadLetters) -> Iterator[DeadLetter]:
        letters = [dead.get(self.name)] if self.name else dead.all()
        return (letter for letter in letters if letter and self._has(letter))

    def _has(self, letter: DeadLetter) -> bool:
        return all(
            wanted in ("", getattr(letter, field))
            for field, wanted in asdict(self).items()
            if field != "name"
        )


@dataclass(frozen=True)
class Action:
    """What is done with letters, in the words of its buttons and of the audit."""

    verb: str
    question: str
    after: str
    do: Callable[[Services, DeadLetter], bool]

    @property
    def path(self) -> str:
        return f"{PATH}/{self.verb.lower()}"


RETRY = Action(
    "Retry",
    "Put back into the queue",
    "What cannot be done comes back.",
    lambda services, letter: retry(services, letter, services.sessions.messages),
)
DISCARD = Action(
    "Discard",
    "Delete for good",
    "What they hold is lost.",
    lambda services, letter: services.dead.discard(letter),
)


def listed(visit: Visit) -> Response:
    dead, kind = visit.services.dead, Kind.of(visit.query)
    letters = list(islice(kind.found(dead), _SHOWN))
    return render(
        visit,
        "letters.html",
        tally=sorted(dead.tally().items()),
        kind=asdict(kind),
        is_all=kind == Kind(),
        letters=[(letter, ids_of(letter)) for letter in letters],
        at_most=_SHOWN,
        actions=(RETRY, DISCARD),
        done={name: n for name, n in visit.query.items() if n.isdecimal()},
    )


def shown(visit: Visit) -> Response:
    """With its event, so it is noted."""
    letter = _one(visit)
    visit.noted("dead show", user_of(letter))
    return render(
        visit,
        "letter.html",
        letter=letter,
        ids=ids_of(letter),
        event=_readable(letter.event)[:_TEXT_SHOWN],
        actions=(RETRY, DISCARD),
    )


def asks(action: Action) -> Callable[[Visit], Response]:
    return partial(_ask, action)


def does(action: Action) -> Callable[[Visit], Response]:
    return partial(_do, action)


def _ask(action: Action, visit: Visit) -> Response:
    kind = Kind.of(visit.query)
    count = sum(1 for _ in islice(kind.found(visit.services.dead), _AT_ONCE))
    return render(
        visit,
        "confirm.html",
        question=f"{action.question}: {count} dead {'letter' if count == 1 else 'letters'}?",
        details=[
            *(f"{name}: {value}" for name, value in asdict(kind).items() if value),
            *([f"More than {_AT_ONCE:,} are done in several turns."] if count == _AT_ONCE else []),
            action.after,
        ],
        action=action.path,
        fields=asdict(kind),
        button=action.verb,
        back=address(PATH, **(asdict(kind) | {"name": ""})),
    )


def _do(action: Action, visit: Visit) -> Response:
    kind = Kind.of({name: values[-1] for name, values in visit.form.items()})
    count = 0
    for letter in list(islice(kind.found(visit.services.dead), _AT_ONCE)):
        services = visit.noted(f"dead {action.verb.lower()}", user_of(letter))
        count += action.do(services, letter)
    return see_other(PATH, **{action.verb.lower(): count})


def _one(visit: Visit) -> DeadLetter:
    if letter := visit.services.dead.get(visit.asked("name")):
        return letter
    raise NotFound("there is no such dead letter: it may have been retried or discarded")


def _readable(event: bytes) -> str:
    """As JSON for people, without escapes, if it is JSON."""
    try:
        return msgspec.json.format(
            msgspec.json.encode(msgspec.json.decode(event)), indent=2
        ).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return event.decode(errors="replace")

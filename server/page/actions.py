"""What can be done with dead letters, one or all of a kind: asked first, then noted and done."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice

from starlette.responses import Response

from tablestore_memory.server.page.kinds import PATH, Kind
from tablestore_memory.server.page.rendering import address, render, see_other
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.worker.operations.letters import retry, user_of
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.state.dead_letters import DeadLetter

_AT_ONCE = 1_000
"""Each is noted and moved by itself: more would outlast a request."""


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
ACTIONS = (RETRY, DISCARD)


def ask(action: Action, visit: Visit) -> Response:
    """Whether it shall be done, with what it would be done to."""
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


def do(action: Action, visit: Visit) -> Response:
    """Each is noted before."""
    kind = Kind.of({name: values[-1] for name, values in visit.form.items()})
    count = 0
    for letter in list(islice(kind.found(visit.services.dead), _AT_ONCE)):
        services = visit.noted(f"dead {action.verb.lower()}", user_of(letter))
        count += action.do(services, letter)
    return see_other(PATH, **{action.verb.lower(): count})

"""`memory-worker wait`: until all that was published before is stored, extracted and searchable."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tablestore_memory.worker.cli.opened import redis_alone
from tablestore_memory.worker.cli.output import (
    LATE,
    UNREACHABLE,
    Json,
    counted,
    err,
    fail,
    note,
    print_json,
)
from tablestore_memory.worker.operations.backlog import Backlog
from tablestore_memory.worker.operations.deadline import DeadlineExceeded, deadline
from tablestore_memory.worker.operations.places import place_of
from tablestore_memory.worker.operations.published import Published
from tablestore_memory.worker.operations.status import standing
from tablestore_memory.worker.services import RedisServices

_LOOK_EVERY_S = 0.2
_SAY_EVERY_S = 1.0
# A look that is still not done so long after the timeout waits for a Redis that does not answer.
_GRACE_S = 0.3


def wait(
    timeout: Annotated[float, typer.Option(help="Seconds until giving up.", min=0)] = 600,
    json: Json = False,
) -> None:
    """Wait until all that was published before is stored, extracted and searchable."""
    started = time.monotonic()
    with redis_alone() as services:
        try:
            with deadline(timeout + _GRACE_S), _bars(shown=not json and err.is_terminal) as show:
                last = _watch(services, show, started + timeout)
        except DeadlineExceeded:
            place = place_of(services.settings.redis_url)
            fail(UNREACHABLE, f"not done after {timeout:g} s: Redis at {place} does not answer")
        took_s = round(time.monotonic() - started, 1)
        if json:
            print_json({"done": last.left == 0, "took_s": took_s, **asdict(last)})
        if last.left:
            fail(LATE, _unfinished(services, last, took_s))
        if not json:
            note(f"all stored, extracted and searchable after {took_s} s")
        if last.dead:
            letters = counted(last.dead, "dead letter")
            note(f"{letters}: what could not be stored or extracted, see `memory-worker dead list`")


def _watch(services: RedisServices, show: Callable[[Backlog], None], ends: float) -> Backlog:
    published = Published(services.redis, services.streams)
    told: set[str] = set()
    say_at = 0.0
    while True:
        now = published.left()
        show(now)
        if not now.left or time.monotonic() > ends:
            return now
        if time.monotonic() >= say_at:
            say_at = time.monotonic() + _SAY_EVERY_S
            _say_obstacles(services, told)
        time.sleep(_LOOK_EVERY_S)


def _say_obstacles(services: RedisServices, told: set[str]) -> None:
    """Each once, when it is first seen."""
    for obstacle in standing(services.redis, services.streams).obstacles():
        if obstacle.what not in told:
            told.add(obstacle.what)
            note(obstacle.text)


def _unfinished(services: RedisServices, last: Backlog, took_s: float) -> str:
    left = ", ".join(f"{n} {stage}" for stage, n in asdict(last).items() if n)
    obstacles = standing(services.redis, services.streams).obstacles()
    return "; ".join([f"not done after {took_s} s: {left}", *(o.text for o in obstacles)])


class _bars:  # noqa: N801 - used as a context manager
    """A bar for each stage; its length is the most that was seen there."""

    _STAGES = (("events", "to store"), ("sessions", "to extract"), ("unsearchable", "to index"))

    def __init__(self, *, shown: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>11}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            disable=not shown,
        )
        self._bars = {
            stage: self._progress.add_task(title, total=0) for stage, title in self._STAGES
        }
        self._most = dict.fromkeys(self._bars, 0)

    def __enter__(self) -> Callable[[Backlog], None]:
        self._progress.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _show(self, now: Backlog) -> None:
        for stage, bar in self._bars.items():
            left = getattr(now, stage) + (now.requests if stage == "sessions" else 0)
            self._most[stage] = most = max(self._most[stage], left)
            self._progress.update(bar, total=most, completed=most - left)

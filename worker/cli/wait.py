"""`memory-worker wait`: until all that was published is stored, extracted and searchable."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tablestore_memory.worker.backlog import Backlog, backlog
from tablestore_memory.worker.cli.output import LATE, Json, err, fail, opened, print_json
from tablestore_memory.worker.heartbeat import alive
from tablestore_memory.worker.services import Services

_LOOK_EVERY_S = 0.2


def wait(
    timeout: Annotated[float, typer.Option(help="Seconds until giving up.")] = 600,
    json: Json = False,
) -> None:
    """Wait until all that was published is stored, extracted and searchable."""
    started = time.monotonic()
    with opened() as services:
        with _bars(shown=not json) as show:
            last = _watch(services, show, started + timeout)
        took_s = round(time.monotonic() - started, 1)
        if json:
            print_json({"done": last.left == 0, "took_s": took_s, **asdict(last)})
        if last.left:
            fail(LATE, _unfinished(services, last, took_s))
        if not json:
            err.print(f"all stored, extracted and searchable after {took_s} s")
        if last.dead:
            err.print(f"{last.dead} dead letters: events that could not be stored or extracted")


def _watch(services: Services, show: Callable[[Backlog], None], ends: float) -> Backlog:
    told: set[str] = set()
    while True:
        now = backlog(services.redis, services.streams)
        show(now)
        if not now.left or time.monotonic() > ends:
            return now
        for reason in _obstacles(services) - told:
            told.add(reason)
            err.print(reason, markup=False)
        time.sleep(_LOOK_EVERY_S)


def _obstacles(services: Services) -> set[str]:
    found = {f"queue {p['queue']} is paused: {p['reason']}" for p in services.queues.paused()}
    if not alive(services.redis, services.streams):
        found.add("no worker is running: start one with `honcho start`")
    return found


def _unfinished(services: Services, last: Backlog, took_s: float) -> str:
    stages = ", ".join(f"{n} {stage}" for stage, n in asdict(last).items() if n)
    return "\n".join([f"not done after {took_s} s: {stages}", *sorted(_obstacles(services))])


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

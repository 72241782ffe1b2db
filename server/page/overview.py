"""The first page: how the work stands, what is in its way, and how the last hour went. Reads Redis only."""

from collections import deque
from dataclasses import fields
from functools import partial
from operator import attrgetter

from starlette.responses import Response

from tablestore_memory.server.page.charts import Line, Point, line
from tablestore_memory.server.page.pulse import EVERY_S, Beat, increases
from tablestore_memory.server.page.rendering import render
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.worker.operations.advice import what_to_do
from tablestore_memory.worker.operations.backlog import held_by_publishers
from tablestore_memory.worker.operations.look import look
from tablestore_memory.worker.operations.status import lasting
from tablestore_memory.worker.operations.throughput import Throughput

_DONE = {
    "events": "stored",
    "requests": "carried out",
    "sessions": "extracted",
    "memories": "became searchable",
}
_SHORTEST_S = 300.0
"""Of a graph, so that the first minutes of a server are no wild ones."""


def overview(visit: Visit) -> Response:
    services = visit.services
    seen, beats = look(services), visit.pulse.beats
    watched_s = _watched_s(beats)
    span_s = max(watched_s, _SHORTEST_S)
    obstacles = [(each, what_to_do(each, seen.now.failing)) for each in seen.now.obstacles()]
    return render(
        visit,
        "overview.html",
        seen=seen,
        held=held_by_publishers(services.redis, services.streams),
        obstacles=obstacles,
        late={obstacle.what.partition(" ")[0] for obstacle, _ in obstacles},
        done=_done(beats),
        watched=lasting(watched_s),
        span=lasting(span_s),
        lines=_lines(beats, span_s),
    )


def _watched_s(beats: list[Beat]) -> float:
    return (beats[-1].at_ms - beats[0].at_ms) / 1000 if beats else 0


def _done(beats: list[Beat]) -> dict[str, str]:
    """By stage, in the time that was watched."""
    every = [done for _, done in increases(beats)]
    counts = {each.name: sum(map(attrgetter(each.name), every)) for each in fields(Throughput)}
    return {name: f"{counts[name]:,.0f} {what}" for name, what in _DONE.items()}


def _lines(beats: list[Beat], span_s: float) -> list[Line]:
    drawn = partial(line, span_s=span_s, gap_s=3 * EVERY_S)
    return [
        drawn("Events stored", _rates(beats, "events"), "a minute"),
        drawn("Memories made searchable", _rates(beats, "memories"), "a minute"),
        drawn("Oldest event to store", _ages(beats, "oldest_event_s"), "s"),
        drawn("Oldest session to extract", _ages(beats, "oldest_session_s"), "s"),
    ]


def _rates(beats: list[Beat], stage: str) -> list[Point]:
    """Of the minute before each beat: what comes in bursts is no row of needles."""
    rates: list[Point] = []
    minute: deque[tuple[int, float]] = deque()
    for beat, increase in increases(beats):
        minute.append((beat.at_ms, getattr(increase, stage)))
        while minute[0][0] <= beat.at_ms - 60_000:
            minute.popleft()
        rates.append((_ago_s(beat, beats), sum(done for _, done in minute)))
    return rates


def _ages(beats: list[Beat], name: str) -> list[Point]:
    return [(_ago_s(beat, beats), getattr(beat.ages, name)) for beat in beats]


def _ago_s(beat: Beat, beats: list[Beat]) -> float:
    return (beats[-1].at_ms - beat.at_ms) / 1000

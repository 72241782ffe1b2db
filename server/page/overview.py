"""The first page: how the work stands, what is in its way, and how the last hour went. Reads Redis only."""

from dataclasses import fields
from operator import attrgetter

from starlette.responses import Response

from tablestore_memory.server.page.charts import Line, Point, line
from tablestore_memory.server.page.pulse import KEPT_S, Beat, increases
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


def overview(visit: Visit) -> Response:
    services = visit.services
    seen, beats = look(services), visit.pulse.beats
    obstacles = [(each, what_to_do(each, seen.now.failing)) for each in seen.now.obstacles()]
    return render(
        visit,
        "overview.html",
        seen=seen,
        held=held_by_publishers(services.redis, services.streams),
        obstacles=obstacles,
        late={obstacle.what.partition(" ")[0] for obstacle, _ in obstacles},
        done=_done(beats),
        watched=_watched(beats),
        lines=_lines(beats),
    )


def _watched(beats: list[Beat]) -> str:
    seconds = (beats[-1].at_ms - beats[0].at_ms) / 1000 if beats else 0
    return "hour" if seconds >= KEPT_S * 0.99 else lasting(seconds)


def _done(beats: list[Beat]) -> dict[str, str]:
    """By stage, in the time that was watched."""
    every = [done for _, done in increases(beats)]
    counts = {each.name: sum(map(attrgetter(each.name), every)) for each in fields(Throughput)}
    return {name: f"{counts[name]:,.0f} {what}" for name, what in _DONE.items()}


def _lines(beats: list[Beat]) -> list[Line]:
    return [
        line("Events stored", _rates(beats, "events"), "a minute"),
        line("Memories that became searchable", _rates(beats, "memories"), "a minute"),
        line("Oldest event to store", _ages(beats, "oldest_event_s"), "s"),
        line("Oldest session to extract", _ages(beats, "oldest_session_s"), "s"),
    ]


def _rates(beats: list[Beat], stage: str) -> list[Point]:
    """A minute, over a minute each: what comes in bursts is no row of needles."""
    points, since, done = [], beats[0].at_ms if beats else 0, 0.0
    for beat, increase in increases(beats):
        done += getattr(increase, stage)
        if (ms := beat.at_ms - since) >= 60_000:
            points.append((_place(beat, beats), done * 60_000 / ms))
            since, done = beat.at_ms, 0.0
    return points


def _ages(beats: list[Beat], name: str) -> list[Point]:
    return [(_place(beat, beats), getattr(beat.ages, name)) for beat in beats]


def _place(beat: Beat, beats: list[Beat]) -> float:
    """In the hour that ends with the last beat."""
    return 1 - (beats[-1].at_ms - beat.at_ms) / (KEPT_S * 1000)

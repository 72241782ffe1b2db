"""Small graphs: points become the geometry of an SVG, which `charts.html` draws. No script, no inline style."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 300, 80

Point = tuple[float, float]
"""So many seconds ago, and how much."""


@dataclass(frozen=True, slots=True)
class Line:
    """`paths` are of an SVG's `d`; `most` is how much the top is."""

    title: str
    most: str
    latest: str
    paths: list[str]


@dataclass(frozen=True, slots=True)
class Bar:
    """In units of the drawing; `label` says what it is, `told` how much."""

    x: float
    y: float
    width: float
    height: float
    label: str
    told: str


def line(title: str, points: Sequence[Point], unit: str, *, span_s: float, gap_s: float) -> Line:
    """Over a span of time that ends now; points further apart than a gap are not joined: nobody looked there."""
    most = max((amount for _, amount in points), default=0)
    latest = points[-1][1] if points else 0
    scale = HEIGHT / most if most else 0
    placed = [
        [(WIDTH * (1 - ago_s / span_s), HEIGHT - n * scale) for ago_s, n in run]
        for run in _runs(points, gap_s)
    ]
    paths = [_path(run) for run in placed]
    return Line(title, _told(most, unit), _told(latest, unit), paths)


def bars(amounts: Sequence[tuple[str, float, str]]) -> list[Bar]:
    """Of (label, amount, how it is told), from left to right."""
    most = max((amount for _, amount, _ in amounts), default=0)
    scale = HEIGHT / most if most else 0
    width = WIDTH / max(1, len(amounts))
    return [
        Bar(
            *(round(i * width, 2), round(HEIGHT - amount * scale, 2)),
            *(round(width * 0.8, 2), round(amount * scale, 2)),
            *(label, told),
        )
        for i, (label, amount, told) in enumerate(amounts)
    ]


def _runs(points: Sequence[Point], gap_s: float) -> Iterator[list[Point]]:
    run = list(points[:1])
    for before, after in pairwise(points):
        if before[0] - after[0] > gap_s:
            yield run
            run = []
        run.append(after)
    if run:
        yield run


def _path(places: list[tuple[float, float]]) -> str:
    """A lone point is a short stroke."""
    first, *others = places
    drawn = [first, *(others or [(first[0] + 1, first[1])])]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in drawn)


def _told(amount: float, unit: str) -> str:
    shown = f"{amount:,.0f}" if amount >= 10 or amount == int(amount) else f"{amount:.1f}"
    return f"{shown} {unit}"

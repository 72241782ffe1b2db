"""Small graphs: points become the geometry of an SVG, which `charts.html` draws. No script, no inline style."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 300, 80
_GAP = 0.02
"""Of the whole width: points further apart are not joined, as nobody looked in between."""

Point = tuple[float, float]
"""Where in the whole span, 0 to 1, and how much."""


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


def line(title: str, points: Sequence[Point], unit: str) -> Line:
    most = max((amount for _, amount in points), default=0)
    latest = points[-1][1] if points else 0
    scale = HEIGHT / most if most else 0
    paths = [_path(run, scale) for run in _runs(points)]
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


def _runs(points: Sequence[Point]) -> Iterable[list[Point]]:
    run = list(points[:1])
    for before, after in pairwise(points):
        if after[0] - before[0] > _GAP:
            yield run
            run = []
        run.append(after)
    if run:
        yield run


def _path(run: list[Point], scale: float) -> str:
    """A lone point is a short stroke."""
    placed = [(round(at * WIDTH, 1), round(HEIGHT - n * scale, 1)) for at, n in run]
    (x, y), *others = placed
    return f"M{x} {y}" + "".join(f"L{x} {y}" for x, y in others or [(x + 1, y)])


def _told(amount: float, unit: str) -> str:
    shown = f"{amount:,.0f}" if amount >= 10 or amount == int(amount) else f"{amount:.1f}"
    return f"{shown} {unit}"

"""What Qwen cost, by day, model, user or purpose, with a graph of the days."""

from collections.abc import Iterator
from datetime import timedelta
from typing import get_args

from starlette.responses import Response

from tablestore_memory.server.page.charts import bars
from tablestore_memory.server.page.rendering import render
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.problems import Malformed
from tablestore_memory.worker.costs.ledger import today
from tablestore_memory.worker.costs.prices import prices_of
from tablestore_memory.worker.operations.costs import By, CostLine, costs_by

_WAYS: tuple[By, ...] = get_args(By)
_SPANS = (1, 7, 30, 90, 365)
_SHOWN = 200


def costs(visit: Visit) -> Response:
    """As booked, some seconds ago."""
    by, days = _by(visit), _days(visit)
    stored, prices = visit.services.costs, prices_of(visit.connections.settings.prices)
    lines = costs_by(stored, by, days, prices)
    by_day = lines if by == "day" else costs_by(stored, "day", days, prices)
    return render(
        visit,
        "costs.html",
        by=by,
        days=days,
        ways=_WAYS,
        spans=_SPANS,
        lines=lines[:_SHOWN] if by != "day" else lines,
        left_out=max(0, len(lines) - _SHOWN) if by != "day" else 0,
        bars=bars([(day, n, f"{n:,} tokens") for day, n in _tokens(by_day, days)]),
    )


def _tokens(lines: list[CostLine], days: int) -> Iterator[tuple[str, int]]:
    """Of every day, also of those without a call."""
    booked = {each.name: each.input_tokens + each.output_tokens for each in lines}
    for ago in reversed(range(days)):
        day = str(today() - timedelta(days=ago))
        yield day, booked.get(day, 0)


def _by(visit: Visit) -> By:
    asked = visit.query.get("by", "day")
    if found := next((way for way in _WAYS if way == asked), None):
        return found
    raise Malformed(f"must be one of {', '.join(_WAYS)}", "by")


def _days(visit: Visit) -> int:
    """Of users only today, if nothing is said: each has a row a day."""
    asked = visit.query.get("days", "1" if visit.query.get("by") == "user" else "30")
    if asked in map(str, _SPANS):
        return int(asked)
    raise Malformed(f"must be one of {', '.join(map(str, _SPANS))}", "days")

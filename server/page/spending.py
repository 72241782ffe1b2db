"""What Qwen cost, by day, model, user or purpose, with a graph of the days."""

import time
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import get_args

from starlette.responses import Response

from tablestore_memory.server.page.charts import bars
from tablestore_memory.server.page.rendering import render
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.problems import Malformed
from tablestore_memory.worker.costs.ledger import today
from tablestore_memory.worker.costs.prices import prices_of
from tablestore_memory.worker.operations.costs import By, CostLine, costs_by, first_of, lines_by
from tablestore_memory.worker.services import Services

_WAYS: tuple[By, ...] = get_args(By)
_SPANS = (1, 7, 30, 90, 365)
_DAYS_OF_USERS = 7
_SHOWN = 200
_KEPT_S = 60


def costs(visit: Visit) -> Response:
    """As booked, some seconds ago; users as of a minute ago."""
    by = _by(visit)
    days = _days(visit, by)
    services, prices = visit.services, prices_of(visit.connections.settings.prices)
    totals = list(services.costs.of_all(first_of(days)))
    by_day = lines_by("day", totals, prices)
    lines = (
        _by_user(services, days, int(time.time() / _KEPT_S))
        if by == "user"
        else lines_by(by, totals, prices)
    )
    shown = lines if by == "day" else lines[:_SHOWN]
    return render(
        visit,
        "costs.html",
        by=by,
        days=days,
        ways=_WAYS,
        spans=_SPANS,
        lines=shown,
        left_out=len(lines) - len(shown),
        bars=bars([(day, n, f"{n:,} tokens") for day, n in _tokens(by_day, days)]),
    )


@lru_cache(maxsize=4)
def _by_user(services: Services, days: int, _: int) -> list[CostLine]:
    """The same for a while: ten thousand users have as many rows a day."""
    return costs_by(services.costs, "user", days, prices_of(services.settings.prices))


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


def _days(visit: Visit, by: By) -> int:
    """Users have a row a day each: of them only today, if nothing is said, and never many."""
    asked = visit.query.get("days", "1" if by == "user" else "30")
    if asked not in map(str, _SPANS):
        raise Malformed(f"must be one of {', '.join(map(str, _SPANS))}", "days")
    return min(int(asked), _DAYS_OF_USERS) if by == "user" else int(asked)

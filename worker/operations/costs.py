"""What Qwen cost in the last days, by day, user, model or purpose, with an estimate of the money."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Literal

import msgspec

from tablestore_memory.worker.costs.ledger import today
from tablestore_memory.worker.costs.prices import Price, cost_of
from tablestore_memory.worker.stores.costs import Costs, DayCost, Spent

By = Literal["day", "user", "model", "purpose"]


class CostLine(msgspec.Struct):
    """`cost` is None where a model in it has no price."""

    name: str
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost: float | None


def costs_by(costs: Costs, by: By, days: int, prices: dict[str, Price]) -> list[CostLine]:
    """A line for each, days in order, others with the most tokens first; as booked, some seconds ago."""
    since = first_of(days)
    return lines_by(by, costs.of_users(since) if by == "user" else costs.of_all(since), prices)


def first_of(days: int) -> str:
    """The first of so many days, today included."""
    return str(today() - timedelta(days=days - 1))


def lines_by(by: By, rows: Iterable[DayCost], prices: dict[str, Price]) -> list[CostLine]:
    """The same of rows that were read."""
    groups: dict[str, list[Spent]] = {}
    for name, spent in _named(rows, by):
        groups.setdefault(name, []).append(spent)
    lines = [line(name, spent, prices) for name, spent in groups.items()]
    if by != "day":
        lines.sort(key=lambda each: (-each.input_tokens - each.output_tokens, each.name))
    return lines


def line(name: str, spent: Iterable[Spent], prices: dict[str, Price]) -> CostLine:
    every = list(spent)
    cost = cost_of(every, prices)
    return CostLine(
        name,
        sum(each.calls for each in every),
        sum(each.input for each in every),
        sum(each.output for each in every),
        sum(each.cached for each in every),
        None if cost is None else round(cost, 6),
    )


def _named(rows: Iterable[DayCost], by: By) -> Iterator[tuple[str, Spent]]:
    for row in rows:
        names = {"day": row.day, "user": row.owner}
        for spent in row.spent:
            yield names.get(by) or getattr(spent, by), spent

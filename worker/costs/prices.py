"""What tokens cost, by a list in the settings: an estimate, as bills know discounts and free quotas."""

from collections.abc import Iterable
from dataclasses import dataclass

from tablestore_memory.worker.stores.costs import Spent

_PER = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Of a million tokens; `cached` ones are a part of the input."""

    input: float
    output: float
    cached: float

    def of(self, spent: Spent) -> float:
        fresh = (spent.input - spent.cached) * self.input
        return (fresh + spent.cached * self.cached + spent.output * self.output) / _PER


def prices_of(listed: str) -> dict[str, Price]:
    """`MODEL=INPUT/OUTPUT/CACHED,…`, checked by the settings."""
    prices = {}
    for each in filter(None, listed.split(",")):
        model, _, amounts = each.partition("=")
        prices[model] = Price(*map(float, amounts.split("/")))
    return prices


def cost_of(every: Iterable[Spent], prices: dict[str, Price]) -> float | None:
    """None if a model has no price: unknown is not nothing."""
    total = 0.0
    for spent in every:
        if (price := prices.get(spent.model)) is None:
            return None
        total += price.of(spent)
    return total

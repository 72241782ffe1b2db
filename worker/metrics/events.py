"""Log events become counts: a processor of structlog that stands before the filter by level."""

from collections.abc import Mapping
from typing import Any

from tablestore_memory.worker.metrics.catalogue import FEEDS
from tablestore_memory.worker.metrics.metric import Feed, Metric
from tablestore_memory.worker.metrics.tally import Tally


def count(tally: Tally, event: Mapping[str, Any]) -> None:
    """Add what the catalogue says of this event. A field that is missing or of another kind counts for nothing."""
    for metric, feed in FEEDS.get(event.get("event", ""), ()):
        if isinstance(amounts := event.get(feed.each), Mapping):
            for value, amount in amounts.items():
                _add(tally, metric, (str(value),), amount)
        else:
            _add(tally, metric, _labels(metric, feed, event), _amount(feed, event))


def _amount(feed: Feed, event: Mapping[str, Any]) -> Any:
    if not feed.amount:
        return 1
    amount = event.get(feed.amount)
    return amount * feed.unit if isinstance(amount, int | float) else 0


def _labels(metric: Metric, feed: Feed, event: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        feed.fixed.get(label) or str(event.get(feed.by.get(label, label), "")) or "none"
        for label in metric.labels
    )


def _add(tally: Tally, metric: Metric, labels: tuple[str, ...], amount: Any) -> None:
    if isinstance(amount, int | float) and (amount > 0 or metric.kind == "histogram"):
        tally.add(metric, labels, max(0.0, amount))

"""What a process counted and has not reported yet. Knows no connection."""

import threading
from bisect import bisect_left

import msgspec

from tablestore_memory.worker.metrics.metric import Metric

_MOST_SERIES = 200
"""Of one metric: whatever a label may hold by mistake, neither Redis nor a database of time series drowns."""
_OTHER = "other"


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One number: of a counter, or the `sum` or a bucket, named by its upper bound, of a histogram."""

    name: str
    labels: tuple[str, ...] = ()
    part: str = ""


class Tally:
    """Amounts by series. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._amounts: dict[Series, float] = {}
        self._known: dict[str, set[tuple[str, ...]]] = {}

    def add(self, metric: Metric, labels: tuple[str, ...], amount: float) -> None:
        """To a counter `amount`; to a histogram one observation of it."""
        with self._lock:
            labels = self._bounded(metric, labels)
            if metric.kind == "histogram":
                self._add(Series(metric.name, labels, "sum"), amount)
                self._add(Series(metric.name, labels, bucket_of(metric, amount)), 1)
            else:
                self._add(Series(metric.name, labels), amount)

    def take(self) -> dict[Series, float]:
        """All of it; from now on it is empty."""
        with self._lock:
            taken, self._amounts = self._amounts, {}
        return taken

    def _add(self, series: Series, amount: float) -> None:
        self._amounts[series] = self._amounts.get(series, 0) + amount

    def _bounded(self, metric: Metric, labels: tuple[str, ...]) -> tuple[str, ...]:
        known = self._known.setdefault(metric.name, set())
        if labels not in known and len(known) >= _MOST_SERIES:
            return (_OTHER,) * len(labels)
        known.add(labels)
        return labels


def bucket_of(metric: Metric, amount: float) -> str:
    """The smallest bucket that holds it."""
    place = bisect_left(metric.buckets, amount)
    return f"{metric.buckets[place]:g}" if place < len(metric.buckets) else "+Inf"

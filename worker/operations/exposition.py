"""All metrics at a moment, for Prometheus: what workers counted, and how the work stands. Reads Redis only.

Counters never go back while Redis keeps what it has: one that lost its last second tells the old number again
until the new one has passed it. Where Redis lost all, they begin anew, and the time since when they count says so.
"""

import math
import threading
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from redis import Redis

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.worker.metrics.catalogue import CATALOGUE, REDIS_UP
from tablestore_memory.worker.metrics.counts import Counts
from tablestore_memory.worker.metrics.metric import Metric
from tablestore_memory.worker.metrics.tally import Series, bucket_of
from tablestore_memory.worker.operations.flow import flow
from tablestore_memory.worker.operations.gauges import gauges
from tablestore_memory.worker.state.keys import Keys

Amounts = dict[Series, float]
# A rate needs a number before the first event.
_ZEROS = {
    Series(metric.name): 0.0
    for metric in CATALOGUE
    if metric.kind == "counter" and metric.feeds and not metric.labels
}


class Exposition(Collector):
    """Of one deployment; `registry` has it as its only collector."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._told: Amounts = {}
        self._since_ms = 0
        self._one_at_a_time = threading.Lock()
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def describe(self) -> Iterable[Family]:
        """Nothing: it would ask Redis before anybody wants to know."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Every metric that has a value. While Redis does not answer, that it does not."""
        with self._one_at_a_time:
            try:
                amounts = self._read()
            except (*REDIS_ERRORS, OSError):
                amounts = {Series(REDIS_UP.name): 0}
        for metric in CATALOGUE:
            if family := _family(metric, amounts):
                yield family

    def _read(self) -> Amounts:
        counted = Counts(self._redis, self._keys).read()
        now = {**_ZEROS, **counted.amounts, **flow(self._redis, self._keys)}
        if counted.since_ms != self._since_ms:
            self._told, self._since_ms = {}, counted.since_ms
        self._told = {series: max(n, self._told.get(series, 0)) for series, n in now.items()}
        return {**self._told, **gauges(self._redis, self._keys, counted.since_ms)}


def _family(metric: Metric, amounts: Amounts) -> Family | None:
    """None for one of which nothing is known."""
    own = [(series, n) for series, n in amounts.items() if series.name == metric.name]
    if not own:
        return None
    if metric.kind == "histogram":
        return _histogram(metric, own)
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.meaning, labels=metric.labels)
    for series, amount in own:
        family.add_metric(series.labels, amount)
    return family


def _histogram(metric: Metric, own: list[tuple[Series, float]]) -> Family:
    by_labels: dict[tuple[str, ...], dict[str, float]] = {}
    for series, amount in own:
        by_labels.setdefault(series.labels, {})[series.part] = amount
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, parts in by_labels.items():
        buckets, count = [], 0.0
        for bound in (*metric.buckets, math.inf):
            count += parts.get(bucket_of(metric, bound), 0)
            buckets.append((_bound(bound), count))
        family.add_metric(labels, buckets, parts.get("sum", 0))
    return family


def _bound(bound: float) -> str:
    """As Prometheus writes it."""
    return "+Inf" if math.isinf(bound) else str(float(bound))

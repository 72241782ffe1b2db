"""How much each stage has done, ever, as far as it was counted (docs/metrics.md). Reads Redis only."""

from dataclasses import dataclass

from redis import Redis

from tablestore_memory.worker.metrics.catalogue import CHUNKS, INDEX_LAG, REQUESTS, SETTLED
from tablestore_memory.worker.metrics.counts import Counts
from tablestore_memory.worker.metrics.metric import Metric
from tablestore_memory.worker.metrics.tally import Series
from tablestore_memory.worker.operations.flow import flow
from tablestore_memory.worker.state.keys import Keys


@dataclass(frozen=True, slots=True)
class Throughput:
    """Events stored, requests carried out, pieces of sessions extracted, memories that became searchable."""

    events: float
    requests: float
    sessions: float
    memories: float


def throughput(redis: Redis, keys: Keys) -> Throughput:
    counted = Counts(redis, keys).read().amounts

    def total(metric: Metric) -> float:
        """Of a histogram, how many were observed."""
        own = (n for each, n in counted.items() if each.name == metric.name and each.part != "sum")
        return sum(own)

    stored = flow(redis, keys)[Series(SETTLED.name, ("stored",))]
    return Throughput(stored, total(REQUESTS), total(CHUNKS), total(INDEX_LAG))

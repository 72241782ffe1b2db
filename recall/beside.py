"""What is asked about is mostly told in several messages in a row: a fact gains from one that was told beside it.

Does no I/O.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from tablestore_memory.recall.ranking import Candidate
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.messages import MessageKey

BEST = 25
"""Facts that others gain from, and whose messages are read: about as many as half of a usual budget holds."""
_GAIN = 0.15
"""Of the score of the best one beside it (docs/decisions/recall.md)."""


def messages_of(memory: Memory) -> Iterator[MessageKey]:
    """Those that it was taken from; not where an earlier release kept no time."""
    for source in memory.sources:
        session_id = source.session_id or memory.session_id
        if source.created_at and session_id:
            yield MessageKey(session_id, source.created_at, source.message_id)


def lift(best_first: Sequence[Candidate[Memory]]) -> None:
    """Add to each what it gains from the best other one that was taken from the same message, or from the one
    before or after it among those that all of these were taken from."""
    told = [set(messages_of(each.item)) for each in best_first]
    beside = _beside(set().union(*told))
    scores = [each.score for each in best_first[:BEST]]
    ranks: dict[MessageKey, list[int]] = defaultdict(list)
    for rank in range(len(scores)):
        for message in told[rank]:
            ranks[message].append(rank)
    for own, candidate in enumerate(best_first):
        near = {other for message in told[own] for other in beside[message]}
        others = [rank for message in near for rank in ranks[message] if rank != own]
        if others:
            candidate.scores["beside"] = _GAIN * scores[min(others)]


def _beside(messages: Collection[MessageKey]) -> dict[MessageKey, list[MessageKey]]:
    """Each with the one before and after it in its session, and itself."""
    ordered = sorted(messages, key=lambda m: (m.session_id, m.created_at, m.message_id))
    beside = {message: [message] for message in ordered}
    for earlier, later in pairwise(ordered):
        if earlier.session_id == later.session_id:
            beside[earlier].append(later)
            beside[later].append(earlier)
    return beside

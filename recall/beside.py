"""What is asked about is mostly told in several messages in a row: a fact gains from one that was told beside it.

Does no I/O.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tablestore_memory.recall.ranking import Candidate
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.messages import MessageKey, messages_of

# docs/decisions/recall.md has what was measured.
BEST = 15
"""Facts that others gain from."""
_GAIN = 0.15
"""Of the score of the best one beside it."""


def lift(best_first: Sequence[Candidate[Memory]]) -> None:
    """Add to each what it gains from the best other one that was taken from the same message, or from the one
    before or after it among those that all of these were taken from."""
    taken_from = [list(messages_of(each.item)) for each in best_first]
    places = _places(message for messages in taken_from for message in messages)
    told = [{places[message] for message in messages} for messages in taken_from]
    scores = [each.score for each in best_first[:BEST]]
    ranks: dict[int, list[int]] = defaultdict(list)
    for rank in range(len(scores)):
        for place in told[rank]:
            ranks[place].append(rank)
    for own, candidate in enumerate(best_first):
        near = {place + step for place in told[own] for step in (-1, 0, 1)}
        others = [rank for place in near for rank in ranks.get(place, ()) if rank != own]
        if others:
            candidate.scores["beside"] = _GAIN * scores[min(others)]


def _places(messages: Iterable[MessageKey]) -> dict[MessageKey, int]:
    """Numbers in the order of time: one apart from one to the next of a session, two between sessions."""
    places: dict[MessageKey, int] = {}
    session, place = "", 0
    for message in sorted(set(messages)):
        place += 1 if message.session_id == session else 2
        session, places[message] = message.session_id, place
    return places

"""The turns that belong to what was found: those that facts were taken from, those with the query's words, and
what was said beside them. Read by primary key, so that what is gone or another's is not told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice

from tablestore_memory.recall.asked import Asked
from tablestore_memory.recall.block import Room
from tablestore_memory.recall.clients import Clients
from tablestore_memory.recall.parts import Part, Parts
from tablestore_memory.recall.ranking import (
    Candidate,
    Listed,
    best_first,
    given,
    listed,
    reciprocal,
)
from tablestore_memory.recall.talk import is_talk
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.messages import MessageKey, MessageRow, messages_of

_FACTS = 25  # whose sources are read: about as many as a usual budget holds
_SOURCES = 3  # of a fact that was said again and again
# Most turns have 40. More are read than fit into the room that facts leave: some are short, some are not told.
_A_TURN, _A_SHORT_TURN = 30, 15
_FEWEST = 10
_BESIDE = 4  # of the best turns, those before or after which is read on
_OF_A_NEIGHBOUR = 0.5  # of the score of the turn that it stands beside

Turns = dict[MessageKey, dict[str, float]]


class TurnsToRead:
    """Parts that read rows, for keys that are ranked before anything is read."""

    def __init__(
        self,
        clients: Clients,
        parts: Parts,
        asked: Asked,
        facts: Sequence[Memory],
        words: Sequence[Listed[MessageKey]],
        fresh: Sequence[MessageRow],
        room: Room,
    ) -> None:
        """What is told by a fact already is read last, as it is told last."""
        self._sessions, self._asked = clients.turns, asked
        self._fresh = {_key(row): row for row in fresh}
        self._scores = _scored(facts, words, self._fresh)
        ranked = sorted(self._scores, key=lambda key: -sum(self._scores[key].values()))
        ranked = [key for key in ranked if key not in self._fresh]
        most = max(_FEWEST, min(asked.tokens // _A_TURN, room.tokens // _A_SHORT_TURN))
        unread = sorted(ranked, key=lambda key: key.message_id in room.told)[:most]
        self._rows: Part[list[MessageRow]] | None = None
        if unread:
            self._rows = parts.ask("turns.read", partial(self._read, unread))
        self._beside = {
            key: parts.ask("turns.beside", partial(self._read_beside, key))
            for key in ranked[:_BESIDE]
        }

    def read(self) -> list[Candidate[MessageRow]]:
        """What came by now, the best first."""
        rows = dict(self._fresh)
        if self._rows is not None:
            rows |= {_key(row): row for row in self._rows.value([])}
        for key, part in self._beside.items():
            for row in part.value([]):
                rows.setdefault(_key(row), row)
                scores = self._scores.setdefault(_key(row), {})
                if _key(row) != key:
                    score = _OF_A_NEIGHBOUR * sum(self._scores[key].values())
                    scores["turns.beside"] = max(score, scores.get("turns.beside", 0.0))
        return best_first(
            Candidate(row, self._scores[key])
            for key, row in rows.items()
            if is_talk(row.said) and self._asked.covers(row.created_at)
        )

    def _read(self, keys: Sequence[MessageKey]) -> list[MessageRow]:
        return self._owned(self._sessions.stored.at(keys))

    def _read_beside(self, key: MessageKey) -> list[MessageRow]:
        """What answers words that were found comes after them; what a fact answers, before it."""
        stored, session = self._sessions.stored, key.session_id
        if "turns.words" in self._scores[key]:
            rows = stored.forward(session, key.created_at, page=2)
        else:
            rows = stored.backward(session, key.created_at + 1, page=2)
        return self._owned(islice(rows, 2))

    def _owned(self, rows: Iterable[MessageRow]) -> list[MessageRow]:
        """Those that are the user's; a row that names nobody is, in a session that is theirs alone."""
        user_id = self._asked.user_id
        alone = cache(partial(self._sessions.is_theirs_alone, user_id))
        return [
            row
            for row in rows
            if row.owner == user_id or (row.owner is None and alone(row.session_id))
        ]


def _scored(
    facts: Sequence[Memory], words: Iterable[Listed[MessageKey]], fresh: Iterable[MessageKey]
) -> Turns:
    lists: Mapping[str, Iterable[tuple[MessageKey, float]]] = {
        "turns.sources": _sources(facts),
        "turns.words": given(words),
        "turns.fresh": given(listed(fresh)),
    }
    turns: Turns = {}
    for name, ranked in lists.items():
        for key, score in ranked:
            turns.setdefault(key, {}).setdefault(name, score)
    return turns


def _sources(facts: Sequence[Memory]) -> Iterator[tuple[MessageKey, float]]:
    """The turns of the best facts, each with what its fact's rank gives."""
    for rank, memory in enumerate(facts[:_FACTS], 1):
        for key in islice(messages_of(memory), _SOURCES):
            yield key, reciprocal(rank)


def _key(row: MessageRow) -> MessageKey:
    return MessageKey(row.session_id, row.created_at, row.message_id)

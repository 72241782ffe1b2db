"""What may be of use for a question, looked for in all places at the same time.

| part | what | from |
|---|---|---|
| `memories.vector` | memories near in meaning | Qwen for the query's vector, then the search index |
| `memories.words` | memories that share words with the query | the search index |
| `memories.fresh` | memories that the index does not show yet | Redis for their ids, then by primary key |
| `memories.history` | what held then and was replaced since, where it is asked `as_of` a time | the history |
| `turns.words` | messages that share words with the query, as keys | the search index of messages |
| `turns.fresh` | the latest messages that nothing was extracted from yet, or just now | by primary key |

Each answers for itself; every read names the user.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from tablestore_memory.recall.asked import Asked
from tablestore_memory.recall.clients import Clients
from tablestore_memory.recall.fresh import fresh_turns
from tablestore_memory.recall.parts import Part, Parts
from tablestore_memory.recall.ranking import Listed, listed, listed_by_words
from tablestore_memory.recall.results import NOT_CONFIGURED
from tablestore_memory.recall.words import words_first
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.message_index import said_with
from tablestore_memory.worker.stores.messages import MessageKey, MessageRow

# Hits of a search by vectors: twice as many facts as a usual budget holds, for other searches to choose from; and
# the most that a search gives with columns. By words most have little to do with the query; more are looked at
# where some are dropped afterwards, or a model chooses.
_NEAREST = 100
_WORD_HITS, _HITS_TO_CHOOSE_FROM = 30, 100
_UNINDEXED = 50  # the newest; usually there are a handful


@dataclass(frozen=True, slots=True)
class Found:
    """Ranked by part, the best first."""

    memories: dict[str, Sequence[Listed[Memory]]]
    said: Sequence[Listed[MessageKey]]
    fresh: Sequence[MessageRow]
    history: Sequence[Replaced]


class Finding:
    """The parts of one recall that were begun."""

    def __init__(self, clients: Clients, parts: Parts, asked: Asked) -> None:
        self._clients, self._parts, self._asked = clients, parts, asked
        self._memories: dict[str, Part[Sequence[Listed[Memory]]]] = {}
        self._history: Part[Sequence[Replaced]] | None = None
        self._words: Part[Sequence[Listed[MessageKey]]] | None = None
        self._fresh: Part[Sequence[MessageRow]] | None = None
        if asked.seeks_turns:
            self._fresh = parts.ask("turns.fresh", partial(fresh_turns, clients.turns, asked))
        if asked.query:
            self._ask_for("memories.vector", self._nearest, self._clients.dashscope is not None)
            self._ask_for("memories.words", self._matching, True)
            self._words = parts.ask("turns.words", self._said)
        self._ask_for("memories.fresh", self._unindexed, clients.settings.redis_url is not None)
        if asked.as_of is not None:
            since = partial(clients.history.of_user, asked.user_id, since=asked.as_of + 1)
            self._history = parts.ask("memories.history", since)

    def found(self) -> Found:
        """What came by now."""
        return Found(
            memories={name: part.value(()) for name, part in self._memories.items()},
            said=self._words.value(()) if self._words else (),
            fresh=self._fresh.value(()) if self._fresh else (),
            history=self._history.value(()) if self._history else (),
        )

    def _ask_for(
        self, name: str, call: Callable[[], Sequence[Listed[Memory]]], is_configured: bool
    ) -> None:
        if is_configured:
            self._memories[name] = self._parts.ask(name, call)
        else:
            self._parts.is_missing(name, NOT_CONFIGURED)

    def _nearest(self) -> Sequence[Listed[Memory]]:
        asked, settings, dashscope = self._asked, self._clients.settings, self._clients.dashscope
        if dashscope is None:
            return ()
        vector = self._clients.embeddings.vector(
            asked.query,
            lambda: dashscope.embedding(
                settings.embedding_model,
                settings.embedding_dimension,
                asked.query,
                user_id=asked.user_id,
                timeout_s=self._parts.deadline.left_s(),
            ),
        )
        hits = self._clients.search.nearest(
            asked.user_id, vector, _NEAREST, session_id=asked.session_id
        )
        return listed(hit.memory for hit in hits)

    def _matching(self) -> Sequence[Listed[Memory]]:
        asked = self._asked
        hits = self._clients.search.matching(
            asked.user_id, asked.words, self._word_hits, session_id=asked.session_id
        )
        return listed_by_words([(hit.memory, hit.score) for hit in hits])

    def _unindexed(self) -> Sequence[Listed[Memory]]:
        """Those with words of the query, then the newest."""
        clients, user_id = self._clients, self._asked.user_id
        key = clients.keys.unindexed(user_id)
        redis = clients.redis(str(clients.settings.redis_url))
        ids = [name.decode() for name in cast(list[bytes], redis.zrevrange(key, 0, _UNINDEXED - 1))]
        rows = {memory.document_id: memory for memory in clients.memories.without_vectors(ids)}
        owned = [rows[each] for each in ids if each in rows and rows[each].user_id == user_id]
        return listed(words_first(self._asked.query, owned, lambda memory: memory.text))

    def _said(self) -> Sequence[Listed[MessageKey]]:
        asked = self._asked
        found = said_with(
            self._clients.tablestore,
            self._clients.names.message,
            asked.user_id,
            asked.words,
            _WORD_HITS,
            session_id=asked.session_id,
            since=asked.since,
            until=asked.said_before,
        )
        return listed_by_words(found)

    @property
    def _word_hits(self) -> int:
        asked = self._asked
        filtered = asked.kinds is not None or asked.since or asked.said_before is not None
        return _HITS_TO_CHOOSE_FROM if filtered or asked.rerank else _WORD_HITS

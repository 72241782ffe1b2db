"""What a question gets to see: the block that recall gives for it, of memories, of turns, or of both.

Recall itself is asked, as an agent asks it, so that nothing is measured which no agent gets.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.evaluation.conversations import Conversation
from tablestore_memory.recall import Recall, Recalled
from tablestore_memory.recall.asked import FACTS_SHARE

WAYS: Mapping[str, float] = {"memories": 1.0, "turns": 0.0, "both": FACTS_SHARE}
"""Of the budget, the share of facts."""
BUDGETS = (500, 1_000, 2_000)  # tokens of the block, by the worker's own estimate
_PATIENT_S = 60.0  # all parts are waited for: what is late would count as not found


@dataclass(frozen=True)
class Context:
    """A block for a prompt. `told` are the messages that it holds or cites; `found` those that anything does which
    recall had found, whether there was room for it or not."""

    text: str
    told: frozenset[str]
    found: frozenset[str]
    took_ms: float


class Retrieval:
    """What one conversation has to show for its questions."""

    def __init__(self, recall: Recall, conversation: Conversation) -> None:
        self._recall = recall
        self._user = conversation.user
        self._questions = [question.text for question in conversation.questions]
        self._cited = {
            memory.id: {quote.message_id for quote in memory.sources}
            for memory in recall.memories(user_id=self._user)
        }

    def context(self, way: str, question: int, budget: int) -> Context:
        """Raises RuntimeError if a part of recall gave nothing: half a recall is not to be judged."""
        began = time.perf_counter()
        recalled = self._recall(
            user_id=self._user,
            query=self._questions[question],
            tokens=budget,
            facts_share=WAYS[way],
            deadline_s=_PATIENT_S,
            explain=True,
        )
        took_ms = (time.perf_counter() - began) * 1000
        if recalled.missing:
            raise RuntimeError(f"parts of recall are missing: {recalled.missing}")
        told = {turn.message_id for turn in recalled.turns}
        told |= self._cited_by(memory.id for memory in recalled.memories)
        return Context(recalled.text, frozenset(told), self._found(way, recalled), took_ms)

    def _found(self, way: str, recalled: Recalled) -> frozenset[str]:
        if recalled.explanation is None:
            return frozenset()
        memories, turns = recalled.explanation.memories, recalled.explanation.turns
        cited = self._cited_by(memory.id for memory in memories) if WAYS[way] else set()
        return frozenset(cited | {turn.id for turn in turns if WAYS[way] < 1})

    def _cited_by(self, memories: Iterable[str]) -> set[str]:
        return {message for memory in memories for message in self._cited[memory]}

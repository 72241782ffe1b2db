"""What a question gets to see: the best memories, the best raw turns, or both in turn, within a budget.

Ranked by vectors and by words, both orders fused (reciprocal ranks), over all that the search index shows: no
search ends it before the budget does. Each line says when its words were said, as a reader would need it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from bench.evaluation.conversations import Conversation, Line, told
from bench.evaluation.words import Words
from devtools.deployment import Deployment
from tablestore_memory.worker.qwen.tokens import tokens_of
from tablestore_memory.worker.stores.memories import Memory

WAYS = ("memories", "turns", "both")
_DAMPED = 60  # of reciprocal rank fusion, as usual
BUDGETS = (500, 1_000, 2_000)  # tokens of what is retrieved, by the worker's own estimate


@dataclass(frozen=True)
class Piece:
    """A line of a context, and the ids of the messages it stands for."""

    line: str
    ids: frozenset[str]


class Retrieval:
    """What one conversation has to show for its questions."""

    def __init__(self, deployment: Deployment, conversation: Conversation) -> None:
        services = deployment.services
        known = [memory.document_id for memory in deployment.memories(conversation.user)]
        embedded = services.memories.get(known)
        said_at = {line["message_id"]: line["created_at"] for line in conversation.lines}
        self._pieces = {
            "memories": [_remembered(each.memory, said_at) for each in embedded],
            "turns": [_spoken(line) for line in conversation.lines],
        }
        questions = [question.text for question in conversation.questions]
        asked = _unit(services.qwen.embed(questions, query=True), services.qwen.dimension)
        vectors = {
            "memories": [each.vector or [] for each in embedded],
            "turns": services.qwen.embed([told(line) for line in conversation.lines]),
        }
        self._near = {way: asked @ _unit(v, asked.shape[1]).T for way, v in vectors.items()}
        self._words = {
            way: Words([piece.line for piece in pieces]) for way, pieces in self._pieces.items()
        }
        self._questions = questions

    def ranked(self, way: str, question: int) -> list[Piece]:
        """All there is, the best first; of both, one of each in turn."""
        if way == "both":
            ranked = (self.ranked(each, question) for each in ("memories", "turns"))
            return [piece for pair in zip_longest(*ranked) for piece in pair if piece]
        by_words = self._words[way].scores(self._questions[question])
        fused = _reciprocal(self._near[way][question]) + _reciprocal(by_words) * (by_words > 0)
        return [self._pieces[way][n] for n in np.argsort(-fused, kind="stable")]


def within(pieces: Iterable[Piece], budget: int) -> Iterator[Piece]:
    """The first of them, as many as fit; what does not leaves room to what comes later."""
    for piece in pieces:
        tokens = tokens_of(piece.line)
        if tokens <= budget:
            budget -= tokens
            yield piece


def _remembered(memory: Memory, said_at: Mapping[str, str]) -> Piece:
    """With the day on which it was said last."""
    ids = frozenset(source.message_id for source in memory.sources)
    day = max((said_at[each] for each in ids if each in said_at), default="")[:10]
    return Piece(f"[{day}] {memory.text}", ids)


def _spoken(line: Line) -> Piece:
    return Piece(f"[{line['created_at'][:10]}] {told(line)}", frozenset([line["message_id"]]))


def _reciprocal(scores: np.ndarray) -> np.ndarray:
    """1 / (60 + rank) of each, the best first."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return np.asarray(1 / (_DAMPED + ranks))


def _unit(vectors: Sequence[Sequence[float]], dimension: int) -> np.ndarray:
    """A row of length 1 each; none is a matrix without rows."""
    matrix = np.array(vectors, dtype=float).reshape(-1, dimension)
    return np.asarray(matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12))

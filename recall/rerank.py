"""A second look at the best of what was found, by a model that reads the question with each text. Does no I/O."""

from collections.abc import Sequence

from tablestore_memory.recall.entries import Fact, Said

# Of each; the service takes 500 texts, and its answer takes longer with each of them. Among so many were 96 to
# 97% of the messages that hold an answer, among 50 of each 91 to 95% (docs/decisions/recall.md).
_MOST = 75


def documents_of(facts: Sequence[Fact], turns: Sequence[Said]) -> list[str]:
    """What is sent to be judged: texts as they would stand in the block."""
    return [fact.text for fact in facts[:_MOST]] + [
        f"{turn.speaker}: {turn.text}" for turn in turns[:_MOST]
    ]


def reranked(
    facts: Sequence[Fact], turns: Sequence[Said], relevance: Sequence[float]
) -> tuple[list[Fact], list[Said]]:
    """Both by relevance, which adds to their scores and outweighs them; unchanged without an answer."""
    judged: list[Fact | Said] = [*facts[:_MOST], *turns[:_MOST]]
    if relevance:
        for entry, score in zip(judged, relevance, strict=True):
            entry.candidate.scores["rerank"] = score
    return (
        sorted(facts, key=lambda fact: -fact.candidate.score),
        sorted(turns, key=lambda turn: -turn.candidate.score),
    )

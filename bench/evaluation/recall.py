"""Does what is retrieved for a question cite the turns that hold its answer? And where was it lost?"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from devtools.deployment import Deployment
from devtools.extraction import memory_rows
from tablestore_memory.worker.qwen.tokens import tokens_of

BUDGETS = (1_000, 2_000, 4_000)  # tokens of what is retrieved
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
_MOST = 100  # hits of one search

Retrieved = list[tuple[str, set[str]]]  # a text and the messages it stands for, the best first


@dataclass(frozen=True)
class Question:
    text: str
    category: str
    evidence: frozenset[str]


@dataclass
class Recall:
    """Sums over questions: at least one turn found, all found, the share found."""

    questions: int = 0
    any_hit: float = 0
    all_found: float = 0
    share: float = 0

    def add(self, evidence: frozenset[str], found: set[str]) -> None:
        hits = len(evidence & found)
        self.questions += 1
        self.any_hit += hits > 0
        self.all_found += hits == len(evidence)
        self.share += hits / len(evidence)

    def means(self) -> dict[str, float]:
        n = max(self.questions, 1)
        names = ("any_hit", "all_found", "share")
        return {"questions": self.questions} | {k: round(getattr(self, k) / n, 3) for k in names}


@dataclass
class Losses:
    """Evidence turns not found, by the step that lost them."""

    not_extracted: int = 0
    not_indexed: int = 0
    not_retrieved: int = 0
    of: int = 0


@dataclass
class Report:
    recall: dict[tuple[str, int, str], Recall] = field(default_factory=lambda: defaultdict(Recall))
    losses: dict[int, Losses] = field(default_factory=lambda: defaultdict(Losses))


def parts_of(conversation: dict[str, Any], name: str) -> list[Question]:
    """Those whose evidence stands in the file; ids are written in several ways there."""
    sessions = {key for key in conversation if re.fullmatch(r"session_\d+", key)}
    turns = {turn["dia_id"] for key in sessions for turn in conversation[key]}
    found = []
    for qa in conversation["qa"]:
        ids = {f"D{int(s)}:{int(t)}" for s, t in re.findall(r"D(\d+):(\d+)", str(qa["evidence"]))}
        evidence = frozenset(f"{name}-{i.replace(':', '-')}" for i in ids & turns)
        if evidence:
            found.append(Question(qa["question"], CATEGORIES[qa["category"]], evidence))
    return found


def evaluate(
    deployment: Deployment,
    user: str,
    lines: Sequence[dict[str, Any]],
    questions: Sequence[Question],
    report: Report,
) -> None:
    """Add one conversation to the report: memories beside the raw turns."""
    qwen = deployment.services.qwen
    vectors = qwen.embed([question.text for question in questions], query=True)
    turns = _turns(deployment, lines)
    extracted = {
        s.message_id for m in memory_rows(deployment) if m.user_id == user for s in m.sources
    }
    indexed = {s.message_id for m in deployment.memories(user) for s in m.sources}
    for question, vector in zip(questions, vectors, strict=True):
        hits = deployment.services.memories.nearest(user, vector, _MOST)
        memories = [(h.memory.text, {s.message_id for s in h.memory.sources}) for h in hits]
        for budget in BUDGETS:
            found = _within(memories, budget)
            for way, ids in (("memories", found), ("turns", _within(turns(vector), budget))):
                for category in (question.category, "all"):
                    report.recall[way, budget, category].add(question.evidence, ids)
            _lose(report.losses[budget], question.evidence, found, indexed, extracted)


def _turns(
    deployment: Deployment, lines: Sequence[dict[str, Any]]
) -> Callable[[Sequence[float]], Retrieved]:
    """The raw turns, ranked by cosine to a question."""
    texts = [f"{line['name']}: {line['content']}" for line in lines]
    matrix = np.array(deployment.services.qwen.embed(texts))
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)

    def ranked(vector: Sequence[float]) -> Retrieved:
        order = np.argsort(-(matrix @ np.array(vector)))
        return [(texts[i], {lines[i]["message_id"]}) for i in order]

    return ranked


def _within(retrieved: Retrieved, budget: int) -> set[str]:
    """The messages that the best of them stand for, as many as fit."""
    found: set[str] = set()
    for text, ids in retrieved:
        budget -= tokens_of(text)
        if budget < 0:
            break
        found |= ids
    return found


def _lose(
    losses: Losses,
    evidence: frozenset[str],
    found: set[str],
    indexed: set[str],
    extracted: set[str],
) -> None:
    losses.of += len(evidence)
    losses.not_extracted += len(evidence - found - extracted)
    losses.not_indexed += len((evidence & extracted) - found - indexed)
    losses.not_retrieved += len((evidence & indexed) - found)

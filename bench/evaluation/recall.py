"""Does what is retrieved for a question cite the turns that hold its answer? And where was it lost?

Questions whose answer is nowhere are counted apart: what they cite does not answer them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from bench.evaluation.conversations import ADVERSARIAL, Conversation, Question
from bench.evaluation.retrieval import BUDGETS, WAYS, Context, Retrieval
from devtools.deployment import Deployment
from devtools.extraction import memory_rows
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Memory

ALL = "all"  # but for adversarial ones
CAUSES = ("not_extracted", "superseded", "not_indexed", "not_retrieved")


@dataclass
class Recall:
    """Sums over questions: at least one turn told, all told, the share told and the share found; times in ms."""

    any_hit: float = 0
    all_found: float = 0
    share: float = 0
    at_best: float = 0
    times: list[float] = field(default_factory=list)

    def add(self, evidence: frozenset[str], context: Context) -> None:
        hits = len(evidence & context.told)
        self.any_hit += hits > 0
        self.all_found += hits == len(evidence)
        self.share += hits / len(evidence)
        self.at_best += len(evidence & context.found) / len(evidence)
        self.times.append(context.took_ms)

    def means(self) -> dict[str, float]:
        n = len(self.times)
        names = ("any_hit", "all_found", "share", "at_best")
        means = {name: round(getattr(self, name) / n, 3) for name in names}
        return {"questions": n} | means | {"p50_ms": round(median(self.times), 1)}


@dataclass(frozen=True)
class Fates:
    """What became of the messages of one conversation, by what cites them."""

    stored: frozenset[str]
    indexed: frozenset[str]
    replaced: frozenset[str]

    @classmethod
    def of(cls, deployment: Deployment, user: str) -> "Fates":
        rows = [m for m in memory_rows(deployment) if m.user_id == user]
        return cls(
            cited(rows),
            cited(deployment.memories(user)),
            cited(deployment.services.history.of_user(user)),
        )

    def cause(self, message_id: str) -> str:
        """Why something that was not found was not."""
        if message_id in self.indexed:
            return "not_retrieved"
        if message_id in self.stored:
            return "not_indexed"
        return "superseded" if message_id in self.replaced else "not_extracted"


@dataclass
class Report:
    """Of all conversations: recall by way, budget and category; evidence turns lost by budget."""

    recall: dict[tuple[str, int, str], Recall] = field(default_factory=lambda: defaultdict(Recall))
    losses: dict[int, Counter[str]] = field(
        default_factory=lambda: {budget: Counter() for budget in BUDGETS}
    )

    def add(self, conversation: Conversation, retrieval: Retrieval, fates: Fates) -> None:
        for n, question in enumerate(conversation.questions):
            if not question.evidence:
                continue
            for way in WAYS:
                for budget in BUDGETS:
                    context = retrieval.context(way, n, budget)
                    self._count(way, budget, question, context, fates)

    def _count(
        self, way: str, budget: int, question: Question, context: Context, fates: Fates
    ) -> None:
        self.recall[way, budget, question.category].add(question.evidence, context)
        if question.category == ADVERSARIAL:
            return
        self.recall[way, budget, ALL].add(question.evidence, context)
        if way == "memories":
            self.losses[budget].update(map(fates.cause, question.evidence - context.told))
            self.losses[budget]["of"] += len(question.evidence)


def cited(memories: Iterable[Memory | Replaced]) -> frozenset[str]:
    """Ids of the messages that they rest on."""
    return frozenset(source.message_id for memory in memories for source in memory.sources)

"""One evaluation: remember the conversations, then ask what became of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.evaluation import quality
from bench.evaluation.answers import Answers
from bench.evaluation.bill import Bill
from bench.evaluation.cassette import Cassette
from bench.evaluation.checks import Planted
from bench.evaluation.conversations import Conversation
from bench.evaluation.judged import Judged, Model
from bench.evaluation.local import (
    NO_LIMITS,
    CountingLimiter,
    local_deployment,
    local_qwen,
    real_key,
    remember,
)
from bench.evaluation.recall import Fates, Report
from bench.evaluation.recorder import Recorder
from bench.evaluation.retrieval import Retrieval
from devtools.deployment import Deployment
from devtools.extraction import memory_rows
from tablestore_memory.localcloud.dashscope.real_embeddings import RealEmbeddings
from tablestore_memory.recall import Recall
from tablestore_memory.worker.failures.errors import SystemicFailure

Json = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for. `judged` are ways and budgets whose contexts are answered from."""

    model: str = "qwen-plus"
    endpoint: str | None = None
    cassette: Path | None = None
    record: Path | None = None
    judged: Sequence[tuple[str, int]] = ()
    rerank: str | None = None


@dataclass(frozen=True)
class Asked:
    """Who answers for Qwen."""

    url: str
    by: str
    settings: dict[str, str]
    is_a_model: bool
    recorder: Recorder | None = None


@contextmanager
def qwen_of(wanted: Wanted) -> Iterator[Asked]:
    """A cassette, a real service, or local rules."""
    if wanted.cassette:
        answers = Answers(Cassette(wanted.cassette), wanted.record)
        recorder = Recorder(answers, Bill(), RealEmbeddings())
        with recorder.serving() as url:
            yield Asked(url, f"the cassette {wanted.cassette.name}", NO_LIMITS, True, recorder)
    elif wanted.endpoint:
        yield Asked(wanted.endpoint, f"{wanted.model} at {wanted.endpoint}", real_key(), True)
    else:
        with local_qwen() as url:
            yield Asked(url, "local rules, no language model", NO_LIMITS, False)


def run(conversations: Sequence[Conversation], wanted: Wanted) -> Json:
    """The figures of all of them together. Raises Missing if a cassette lacks answers."""
    with (
        qwen_of(wanted) as qwen,
        local_deployment(wanted.model, qwen.url, **qwen.settings) as (deployment, limiter),
    ):
        evaluation = Evaluation(deployment, qwen, conversations)
        try:
            return evaluation.remembered(limiter) | evaluation.asked(wanted)
        except SystemicFailure:
            evaluation.check()
            raise


@dataclass(frozen=True)
class Evaluation:
    """The steps, in the order of their methods."""

    deployment: Deployment
    qwen: Asked
    conversations: Sequence[Conversation]
    report: Report = field(default_factory=Report)
    judged: Judged = field(default_factory=Judged)

    def check(self) -> None:
        """Raises Missing if an answer was missing."""
        if answers := self._answers():
            answers.check()

    def remembered(self, limiter: CountingLimiter) -> Json:
        """Extract all of them; what it took, and what is wrong with what is remembered."""
        for each in self.conversations:
            remember(self.deployment, each.lines, self._answers())
        lines = [line for each in self.conversations for line in each.lines]
        rows = memory_rows(self.deployment)
        embedded = self.deployment.services.memories.get([row.document_id for row in rows])
        return {
            "answers_by": self.qwen.by,
            "messages": len(lines),
            "memories": len(rows),
            "doubles": quality.doubles(embedded),
            **quality.unsupported(rows, lines),
            "language_match": quality.language_match(rows),
            **self._cost(limiter, len(lines)),
        }

    def asked(self, wanted: Wanted) -> Json:
        """What the questions find, and what the plants have grown into."""
        model = self._model() if wanted.judged else None
        reranking = {"MEMORY_RERANK_MODEL": wanted.rerank or ""}
        with Recall.from_env(self.deployment.environment | reranking) as recall:
            for each in self.conversations:
                retrieval = Retrieval(recall, each)
                fates = Fates.of(self.deployment, each.user)
                self.report.add(each, retrieval, fates)
                if model:
                    for way, budget in wanted.judged:
                        self.judged.add(model, each, retrieval, fates, way, budget)
        return {
            **self._planted(model),
            "recall": [_row(*key) | r.means() for key, r in sorted(self.report.recall.items())],
            "losses": {budget: dict(lost) for budget, lost in self.report.losses.items()},
            "right": [_row(*key) | m.means() for key, m in sorted(self.judged.marks.items())],
            "wrong": [
                {"way": way, "tokens": budget} | dict(lost)
                for (way, budget), lost in self.judged.losses.items()
            ],
            **({"unanswered": dict(model.unanswered)} if model and model.unanswered else {}),
        }

    def _model(self) -> Model | None:
        """Who answers and judges; local rules can do neither."""
        if not self.qwen.is_a_model:
            return None
        return Model(self.deployment.services.qwen, self._answers())

    def _answers(self) -> Answers | None:
        return self.qwen.recorder.answers if self.qwen.recorder else None

    def _cost(self, limiter: CountingLimiter, messages: int) -> Json:
        cost: Json = {"per_1000_messages": limiter.per_1000(messages)}
        if recorder := self.qwen.recorder:
            cost["generations_per_1000_messages"] = recorder.bill.per_1000(messages)
        return cost

    def _planted(self, model: Model | None) -> Json:
        """Of corpora their own; where Qwen is no cassette, of sentences that no corpus needs."""
        figures: Json = {}
        for each in self.conversations:
            if each.planted:
                planted = Planted.of(self.deployment, each)
                figures[f"planted in {each.name}"] = planted.figures(model)
        if not self.qwen.recorder:
            figures |= {
                "dates": quality.dates(self.deployment),
                "stale": quality.stale(self.deployment),
                "leaks": quality.leaks(self.deployment),
            }
        return figures


def _row(way: str, budget: int, category: str) -> Json:
    return {"way": way, "tokens": budget, "category": category}

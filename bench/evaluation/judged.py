"""Are questions answered right from what is retrieved? A model answers, and a model judges.

Ten questions a prompt, each with its own context. Strict is right and whole; lenient is right in the main. Of an
answer that is not strictly right it is told where it was lost: what it needed was not there, and why, or it was
there and the answer is wrong all the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import msgspec

from bench.evaluation.answers import Answers
from bench.evaluation.conversations import ADVERSARIAL, Conversation, Question
from bench.evaluation.prompt import Prompt, instructions
from bench.evaluation.recall import ALL, CAUSES, Fates
from bench.evaluation.retrieval import Retrieval
from tablestore_memory.worker.failures.errors import Final, Retryable
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.qwen.structured import ask

ANSWER_VERSION = "answer_v3"
JUDGE_VERSION = "judge_v1"
_QUESTIONS_A_PROMPT = 10
_UNKNOWN = "It was not said."
Json = dict[str, Any]
T = TypeVar("T")


class _Answer(msgspec.Struct, frozen=True):
    n: int
    answer: str


class AnswersGiven(msgspec.Struct, frozen=True):
    answers: list[_Answer]


class Verdict(msgspec.Struct, frozen=True):
    """On the answer of a number."""

    n: int
    strict: bool = False
    lenient: bool = False


class Verdicts(msgspec.Struct, frozen=True):
    verdicts: list[Verdict]


@dataclass
class Marks:
    """Sums over questions."""

    questions: int = 0
    strict: int = 0
    lenient: int = 0

    def means(self) -> dict[str, float]:
        n = max(self.questions, 1)
        shares = {name: round(getattr(self, name) / n, 3) for name in ("strict", "lenient")}
        return {"questions": self.questions} | shares


@dataclass
class Judged:
    """Of all conversations, by way, budget and category; wrong answers by cause, adversarial ones apart."""

    marks: dict[tuple[str, int, str], Marks] = field(default_factory=lambda: defaultdict(Marks))
    losses: dict[tuple[str, int], Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )

    def add(
        self,
        model: "Model",
        conversation: Conversation,
        retrieval: Retrieval,
        fates: Fates,
        way: str,
        budget: int,
    ) -> None:
        questions = conversation.questions
        contexts = [retrieval.context(way, n, budget) for n in range(len(questions))]
        answers = model.answers(questions, [context.text for context in contexts])
        for question, context, verdict in zip(
            questions, contexts, model.verdicts(questions, answers), strict=True
        ):
            self._mark(way, budget, question, verdict)
            if not verdict.strict and question.category != ADVERSARIAL:
                self.losses[way, budget][_cause(question, context.told, fates)] += 1

    def _mark(self, way: str, budget: int, question: Question, verdict: Verdict) -> None:
        apart = question.category == ADVERSARIAL
        for category in (question.category,) if apart else (question.category, ALL):
            marks = self.marks[way, budget, category]
            marks.questions += 1
            marks.strict += verdict.strict
            marks.lenient += verdict.strict or verdict.lenient


def _cause(question: Question, told: frozenset[str], fates: Fates) -> str:
    """The earliest step that lost some of what was needed."""
    causes = set(map(fates.cause, question.evidence - told))
    return next((cause for cause in CAUSES if cause in causes), "evidence_was_there")


@dataclass(frozen=True)
class Model:
    """Answers and judges; with `recorded`, all prompts of a kind are put before whoever answers at once.

    `unanswered` counts by kind what it was asked about and gave nothing usable.
    """

    qwen: Qwen
    recorded: Answers | None = None
    unanswered: Counter[str] = field(default_factory=Counter)

    def answers(self, questions: Sequence[Question], contexts: Sequence[str]) -> list[str]:
        """One for each question; empty where the model gave none."""
        asked = [
            {"question": question.text, "context": context.splitlines()}
            for question, context in zip(questions, contexts, strict=True)
        ]
        found: list[str] = []
        for batch, given in self.ask(ANSWER_VERSION, "questions", asked, AnswersGiven):
            by_number = {each.n: each.answer for each in given.answers} if given else {}
            found += [by_number.get(n, "") for n in range(1, len(batch) + 1)]
        return found

    def verdicts(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Verdict]:
        """One for each answer; wrong where the model gave none."""
        asked = [
            {"question": question.text, "right": question.answer or _UNKNOWN, "given": given}
            for question, given in zip(questions, answers, strict=True)
        ]
        found: list[Verdict] = []
        for batch, given in self.ask(JUDGE_VERSION, "answers", asked, Verdicts):
            by_number = {each.n: each for each in given.verdicts} if given else {}
            found += [by_number.get(n, Verdict(n)) for n in range(1, len(batch) + 1)]
        return found

    def ask(
        self, version: str, name: str, asked: Sequence[Json], shape: type[T]
    ) -> Iterator[tuple[list[Json], T | None]]:
        """Each batch with what the model says of it."""
        batches = list(_batches(asked))
        prompts = [_prompt(version, name, batch) for batch in batches]
        if self.recorded:
            for prompt in prompts:
                self.recorded.expect(prompt)
            self.recorded.check()
        for batch, prompt in zip(batches, prompts, strict=True):
            yield batch, self._said(prompt, shape, name, len(batch))

    def _said(self, prompt: Prompt, shape: type[T], name: str, asked: int) -> T | None:
        """None where nothing usable came: a run that was paid for is not lost with one answer."""
        try:
            return ask(self.qwen, prompt.system, prompt.user, shape)
        except (Final, Retryable):
            self.unanswered[name] += asked
            return None


def _prompt(version: str, name: str, batch: Sequence[Json]) -> Prompt:
    numbered = [{"n": n, **each} for n, each in enumerate(batch, 1)]
    return Prompt(instructions(version), msgspec.json.encode({name: numbered}).decode())


def _batches(asked: Sequence[Json]) -> Iterator[list[Json]]:
    rest = iter(asked)
    while batch := list(islice(rest, _QUESTIONS_A_PROMPT)):
        yield batch

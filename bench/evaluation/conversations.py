"""What is evaluated: published lines with questions about them, from a LoCoMo file or a corpus' folder.

A corpus is a folder with `conversation.jsonl`, lines as `memory-worker publish` takes them, and, if there are any,
`questions.json` and `planted.json` (docs/evaluation.md has their forms).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devtools.locomo import lines as lines_of
from devtools.locomo import slug

ADVERSARIAL = "adversarial"  # the answer is that it was not said, or that the question is wrong
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: ADVERSARIAL}

Line = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """`evidence` are ids of the messages that hold the answer."""

    text: str
    category: str
    evidence: frozenset[str]
    answer: str = ""


@dataclass(frozen=True)
class Conversation:
    """All of one user's."""

    name: str
    lines: list[Line]
    questions: list[Question]
    planted: dict[str, Any] = field(default_factory=dict)

    @property
    def user(self) -> str:
        return str(self.lines[0]["user_id"])


def load(path: Path, sessions: int | None = None) -> Conversation:
    """A corpus' folder, or a file of LoCoMo's; only so many of its sessions, if a number is given."""
    whole = _corpus(path) if path.is_dir() else _locomo(path)
    return whole if sessions is None else _beginning(whole, sessions)


def _beginning(whole: Conversation, sessions: int) -> Conversation:
    """The first sessions, with the questions and plants that need no other."""
    kept = list(dict.fromkeys(line["session_id"] for line in whole.lines))[:sessions]
    lines = [line for line in whole.lines if line["session_id"] in kept]
    left_out = {line["message_id"] for line in whole.lines if line["session_id"] not in kept}
    questions = [q for q in whole.questions if not q.evidence & left_out]
    planted = {
        kind: [each for each in plants if left_out.isdisjoint(map(str, each.values()))]
        for kind, plants in whole.planted.items()
    }
    return Conversation(whole.name, lines, questions, planted)


def told(line: Line) -> str:
    """A message as a reader sees it: who, the texts, and what stands for a picture or a file."""
    content = line["content"]
    parts = [{"text": content}] if isinstance(content, str) else content
    words = (part.get("text") or part.get("alt") or part.get("filename") for part in parts)
    return f"{line.get('name') or line['role']}: {' '.join(word for word in words if word)}"


def _corpus(folder: Path) -> Conversation:
    spoken = (folder / "conversation.jsonl").read_text("utf-8").splitlines()
    return Conversation(
        folder.name,
        [json.loads(line) for line in spoken if line.strip()],
        [
            Question(q["question"], q["category"], frozenset(q["evidence"]), str(q["answer"]))
            for q in _json(folder / "questions.json", [])
        ],
        _json(folder / "planted.json", {}),
    )


def _json(file: Path, otherwise: Any) -> Any:
    return json.loads(file.read_text("utf-8")) if file.exists() else otherwise


def _locomo(file: Path) -> Conversation:
    conversation, name = json.loads(file.read_text("utf-8")), slug(file.stem)
    questions = list(_locomo_questions(conversation, name))
    return Conversation(name, list(lines_of(conversation, name)), questions)


def _locomo_questions(conversation: dict[str, Any], name: str) -> Iterator[Question]:
    """Those whose evidence stands in the file; ids are written in several ways there."""
    sessions = {key for key in conversation if re.fullmatch(r"session_\d+", key)}
    turns = {turn["dia_id"] for key in sessions for turn in conversation[key]}
    for qa in conversation["qa"]:
        ids = {f"D{int(s)}:{int(t)}" for s, t in re.findall(r"D(\d+):(\d+)", str(qa["evidence"]))}
        evidence = frozenset(f"{name}-{i.replace(':', '-')}" for i in ids & turns)
        if evidence:
            answer = str(qa.get("answer", ""))
            yield Question(qa["question"], CATEGORIES[qa["category"]], evidence, answer)

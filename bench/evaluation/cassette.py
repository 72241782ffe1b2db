"""A model's answers on file, to be played again without the model.

JSON lines: each instructions once, `{"instructions", "version", "text"}`, and for each prompt
`{"instructions", "version", "payload", "asked", "answer"}`. The first two hashes find an answer; the rest is
there to be read. An answer is a JSON object, kept as such and played in one form, so that its tokens do not
depend on how it was laid out. One process at a time adds to a file.
"""

import json
import os
from pathlib import Path
from typing import Any

from bench.evaluation.prompt import Prompt

Json = dict[str, Any]


class Cassette:
    """The answers in a file, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[tuple[str, str], str] = {}
        self._versions: dict[str, str] = {}  # by the hash of the instructions
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            self._take(json.loads(line))

    def play(self, prompt: Prompt) -> str | None:
        """The answer to a prompt, if there is one."""
        return self._answers.get((prompt.instructions, prompt.payload))

    def holds(self, prompt: Prompt) -> bool:
        return (prompt.instructions, prompt.payload) in self._answers

    def add(self, prompt: Prompt, answer: Json) -> None:
        """Keep an answer; when this returns it is on the disk."""
        known = {"instructions": prompt.instructions, "version": prompt.version}
        lines: list[Json] = []
        if prompt.instructions not in self._versions:
            lines.append(known | {"text": prompt.system})
        asked = readable(prompt.user)
        lines.append(known | {"payload": prompt.payload, "asked": asked, "answer": answer})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        for line in lines:
            self._take(line)

    def versions_with(self, payload: str) -> list[str]:
        """The instructions under which a payload was answered, each as version and hash."""
        answered = sorted(instructions for instructions, p in self._answers if p == payload)
        return [f"{self._versions[each]} {each}" for each in answered]

    def _take(self, line: Json) -> None:
        self._versions[line["instructions"]] = line["version"]
        if "payload" in line:
            answer = json.dumps(line["answer"], ensure_ascii=False, separators=(",", ":"))
            self._answers[line["instructions"], line["payload"]] = answer


def readable(user: str) -> object:
    """A payload as the JSON that it holds, or as the text it is."""
    try:
        return json.loads(user)
    except ValueError:
        return user

"""Where answers come from: a cassette, and for what it lacks somebody who writes them into files.

With a pending folder, `NAME.prompt.json` is what to answer, for as long as nobody has. Whoever or whatever
answers puts the JSON object into `NAME.answer.json` beside it; then it is in the cassette and both files go.
`NAME.problem.txt` says why an answer cannot be read. Without a folder, what is missing is noted, and is an error.
"""

import json
from pathlib import Path

from bench.evaluation.cassette import Cassette, Json, readable
from bench.evaluation.prompt import Prompt

_ANSWER = ".answer.json"


class Missing(Exception):
    """The cassette has no answer to some prompts; the message lists them."""


class Answers:
    """Finds, records and misses answers. `find` is for one thread alone."""

    def __init__(self, cassette: Cassette, pending: Path | None = None) -> None:
        self._cassette = cassette
        self._pending = pending
        self._unanswered: dict[str, Prompt] = {}
        if pending:
            pending.mkdir(parents=True, exist_ok=True)

    @property
    def are_recorded(self) -> bool:
        """Whether there will be an answer to what has none yet."""
        return self._pending is not None

    def expect(self, prompt: Prompt) -> None:
        """Put a prompt before whoever answers, or note that its answer is missing."""
        if self._cassette.holds(prompt):
            return
        self._unanswered[prompt.name] = prompt
        if self._pending and not (file := self._pending / f"{prompt.name}.prompt.json").exists():
            # Whoever looks sees all of it or nothing.
            unseen = file.with_suffix(".unfinished")
            unseen.write_text(_shown(prompt), "utf-8")
            unseen.rename(file)

    def find(self, prompt: Prompt) -> str | None:
        """The answer, as JSON, from the cassette; first, all that is new in the folder is put there."""
        if self._pending:
            for file in self._pending.glob(f"*{_ANSWER}"):
                if asked := self._unanswered.get(file.name.removesuffix(_ANSWER)):
                    self._record(file, asked)
        return self._cassette.play(prompt)

    def check(self) -> None:
        """Raises Missing if there is no answer to a prompt, and none will come."""
        if self._unanswered and not self.are_recorded:
            raise Missing("\n".join(self._listed()))

    def _record(self, file: Path, prompt: Prompt) -> None:
        told = file.with_name(f"{prompt.name}.problem.txt")
        try:
            answer = _read(file)
        except ValueError as error:
            told.write_text(f"{error}\n", "utf-8")
            return
        self._cassette.add(prompt, answer)
        del self._unanswered[prompt.name]
        for done in (told, file, file.with_name(f"{prompt.name}.prompt.json")):
            done.unlink(missing_ok=True)

    def _listed(self) -> list[str]:
        lines = [
            f"no answer in the cassette to {len(self._unanswered)} prompts, or more after these:"
        ]
        for prompt in sorted(self._unanswered.values(), key=lambda each: (each.version, each.name)):
            others = ", ".join(self._cassette.versions_with(prompt.payload))
            under = f", though under {others}" if others else ""
            lines.append(
                f"  {prompt.version} {prompt.instructions} payload {prompt.payload}{under}"
            )
        return lines


def _read(file: Path) -> Json:
    """The object in a file. Raises ValueError for what is none, or not all of it."""
    answer = json.loads(file.read_text("utf-8"))
    if not isinstance(answer, dict):
        raise ValueError("one JSON object is wanted")
    return answer


def _shown(prompt: Prompt) -> str:
    shown = {
        "version": prompt.version,
        "system": prompt.system.splitlines(),
        "user": readable(prompt.user),
    }
    return json.dumps(shown, ensure_ascii=False, indent=1)

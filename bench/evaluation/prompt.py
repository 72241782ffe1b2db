"""What a model is asked, told apart: the instructions, which are ours, and the payload, which is the data.

A prompt is known by the hashes of the two, so that after an edit of the instructions the payloads that
have no answer under the new ones can be named.
"""

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Final

_FOLDERS: Final = ("tablestore_memory.worker.qwen.prompts", "bench.evaluation.prompts")
OTHER: Final = "other"


@dataclass(frozen=True)
class Prompt:
    """A system text and a user text."""

    system: str
    user: str

    @cached_property
    def instructions(self) -> str:
        return _hash(self.system)

    @cached_property
    def payload(self) -> str:
        return _hash(self.user)

    @property
    def name(self) -> str:
        """Of its files in a pending folder."""
        return f"{self.instructions}-{self.payload}"

    @property
    def version(self) -> str:
        """The file that its instructions begin with, such as facts_v1: an app's focus, or a repair, follows it."""
        found = [name for name, text in _versions().items() if self.system.startswith(text)]
        return max(found, key=len, default=OTHER)

    @property
    def purpose(self) -> str:
        """What it is asked for: facts, consolidate, …"""
        return self.version.partition("_")[0]


def instructions(version: str) -> str:
    """The text of a version."""
    return _versions()[version]


@cache
def _versions() -> dict[str, str]:
    return {
        file.name.removesuffix(".md"): file.read_text("utf-8")
        for folder in _FOLDERS
        for file in files(folder).iterdir()
        if file.name.endswith(".md")
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

"""How near a message that no index shows yet is to a query: by its words, or by its vector."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentscope_runtime.engine.schemas.agent_schemas import Message

# A word, or one Chinese character: the index's analyzer splits these too.
_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u9fff\uf900-\ufaff]+")


@dataclass
class Added:
    """One memory on its way."""

    document: dict[str, Any]
    text: str | None
    session_id: str | None
    vector: Sequence[float] = field(default=())

    def message(self) -> Message:
        return Message.model_validate(self.document)


def by_words(query: str, added: Iterable[Added]) -> list[Added]:
    """Those that share a word with the query, the most words first, then the newest."""
    asked = _words(query)
    shared = [(len(asked & _words(each.text or "")), each) for each in added]
    found = [(count, each) for count, each in reversed(shared) if count]
    return [each for _, each in sorted(found, key=lambda pair: -pair[0])]


def embed(model: Any, added: Iterable[Added]) -> None:
    """Give a vector to each that has a text and none yet. Blocks: call it in a thread."""
    missing = [each for each in added if each.text and not each.vector]
    if missing:
        vectors = model.embed_documents([each.text for each in missing])
        for each, vector in zip(missing, vectors, strict=True):
            each.vector = vector


def score(a: Sequence[float], b: Sequence[float]) -> float:
    """As the index scores cosine similarity: 0 to 1, 1 for the same direction."""
    length = math.sqrt(math.fsum(x * x for x in a)) * math.sqrt(math.fsum(y * y for y in b))
    if not length:
        return 0.0
    return (1 + math.fsum(x * y for x, y in zip(a, b, strict=True)) / length) / 2


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))

"""Few texts by the words they share with a query, for what stands in no search index. Does no I/O."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from tablestore_memory.worker.stores.memory import normalised

T = TypeVar("T")
_WORDS = re.compile(r"[a-z0-9]+|[^\W\d_a-z]")  # a word; a single character of other scripts


def by_shared_words(query: str, items: Iterable[T], text: Callable[[T], str]) -> list[T]:
    """Those that share a word with the query, most letters first: short common words weigh little."""
    asked = _words(query)
    shared = [(sum(map(len, asked & _words(text(item)))), item) for item in items]
    return [item for letters, item in sorted(shared, key=lambda each: -each[0]) if letters]


def words_first(query: str, items: Sequence[T], text: Callable[[T], str]) -> list[T]:
    """All of them: those that share words with the query, then the others as they come."""
    ranked = by_shared_words(query, items, text)
    chosen = {id(item) for item in ranked}
    return ranked + [item for item in items if id(item) not in chosen]


def _words(text: str) -> set[str]:
    return set(_WORDS.findall(normalised(text)))

"""Whether messages show a fact, and with which of their words. Does no I/O.

A model names the messages that a fact rests on. That they have to do with it is seen by the words of both; where
it is told in another language the model copies some, and these must stand in the message (`quotes`).
"""

import re
from collections.abc import Iterable, Sequence

from tablestore_memory.worker.consolidation.words import words_of
from tablestore_memory.worker.stores.sessions import Turn

# Of a fact's words. Measured on 396 facts of two conversations: one has fewer in the messages it cites, and
# seven of ten have fewer in messages picked at random (docs/decisions/cited-messages.md).
_LEAST_SHARED = 0.1
_LONGEST_PASSAGE = 120  # characters
_SENTENCES = re.compile(r"(?<=[!?。！？…])\s*|(?<=\.)\s+|\n+")


def shows(messages: Sequence[Turn], fact: str, names: Iterable[str]) -> bool:
    """Whether what a fact says, apart from `names`, is said in these messages together."""
    told = words_of(fact).difference(*(words_of(name) for name in names))
    said = set[str]().union(*(words_of(message.text) for message in messages))
    return bool(told & said) and len(told & said) >= _LEAST_SHARED * len(told)


def passage(text: str, fact: str) -> str:
    """The sentence of a message that has most of a fact's words, cut to a length; the first of several."""
    told = words_of(fact)
    sentences = [part for each in _SENTENCES.split(text) if (part := each.strip())]
    best = max(sentences, key=lambda each: len(words_of(each) & told), default="")
    return best[:_LONGEST_PASSAGE].rstrip()

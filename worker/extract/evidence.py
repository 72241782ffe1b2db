"""Whether messages show a fact, and with which of their words. Does no I/O.

A model names the messages that a fact rests on. That they have to do with it is seen by the words of both; where
it is told in another language the model copies some, and these must stand in the message (`quotes`).
"""

import re
from collections.abc import Iterable, Sequence

from tablestore_memory.worker.consolidation.figures import figures, figures_that_stay
from tablestore_memory.worker.consolidation.words import words_of
from tablestore_memory.worker.stores.sessions import Turn

# Of a fact's words. Measured on 396 facts of two conversations: one has fewer in the messages it cites, and
# seven of ten have fewer in messages picked at random (docs/decisions/cited-messages.md).
_LEAST_SHARED = 0.1
# Of its Chinese characters, where no two in a row are the same: 买了车 and 车买好了.
_LEAST_CHARACTERS = 0.5
_CHARACTER = re.compile(r"[\u3400-\u9fff]")
_COMMON = frozenset("的了是在有和也都就还很不我你他她它们这那个一说要会把被给到去来上下")
_LONGEST_PASSAGE = 120  # characters
_SENTENCES = re.compile(r"(?<=[!?。！？…])\s*|(?<=\.)\s+|\n+")


def shows(messages: Sequence[Turn], fact: str, names: Iterable[str]) -> bool:
    """Whether what a fact says, apart from `names`, is said in these messages together."""
    known, text = list(names), "\n".join(message.text for message in messages)
    told = (words_of(fact) | figures_that_stay(fact)).difference(*map(words_of, known))
    shared = told & (words_of(text) | figures(text))
    if shared and len(shared) >= _LEAST_SHARED * len(told):
        return True
    characters = _characters(fact).difference(*map(_characters, known))
    return bool(characters) and (
        len(characters & _characters(text)) >= _LEAST_CHARACTERS * len(characters)
    )


def _characters(text: str) -> set[str]:
    return set(_CHARACTER.findall(text)) - _COMMON


def passage(text: str, fact: str) -> str:
    """The sentence of a message that has most of a fact's words, cut to a length; the first of several."""
    told = words_of(fact)
    sentences = [part for each in _SENTENCES.split(text) if (part := each.strip())]
    best = max(sentences, key=lambda each: len(words_of(each) & told), default="")
    return best[:_LONGEST_PASSAGE].rstrip()

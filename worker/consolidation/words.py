"""The words of a text that tell what it is about, to be compared with another's. Does no I/O."""

import re
from collections.abc import Iterable

from tablestore_memory.worker.stores.memories import normalised

_WORDS = re.compile(r"[a-z0-9]+|[^\W\d_a-z]+")  # of other scripts whole runs
_COMMON = frozenset(
    _WORDS.findall(
        "a an the and or but as at by for from in into of on to with who when while because that this also "
        "very user be been is are was were do did had has have will it its he she her his they their them"
    )
)
_ENDINGS = re.compile(r"(?<=...)(?:ings?|ed|es?|s)$")


def words_of(text: str) -> set[str]:
    """All but the commonest, without their endings; of a script without spaces pairs of characters."""
    found = _WORDS.findall(normalised(text))
    return {part for word in found for part in _parts(word)} - _COMMON


def _parts(word: str) -> Iterable[str]:
    if word.isascii():
        return (_ENDINGS.sub("", word),)
    return (word[n : n + 2] for n in range(max(len(word) - 1, 1)))

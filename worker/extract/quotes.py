"""Whether a message holds the words that a fact cites it with. Does no I/O."""

import re
import unicodedata

# What is typed in several ways: quotation marks, apostrophes, dashes, ellipses. NFKC does the widths.
_MARKS = {
    **dict.fromkeys("“”„‟«»「」『』″〝〞", '"'),
    **dict.fromkeys("‘’‚‛`´′", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
    "、": ",",
    "。": ".",
}
_FOLDS = str.maketrans(_MARKS)
_ENCLOSING = " \"'()[]<>*_.,-"


def holds(text: str, speaker: str, quote: str) -> bool:
    """Word for word, but for case, white space, width and typography, marks around the quote, and the
    speaker's name before it."""
    words = _words(speaker, quote)
    return bool(words) and words in _folded(text)


def span(text: str, speaker: str, quote: str) -> tuple[int, int] | None:
    """Where in a message those words stand; None where that cannot be told, though it may hold them."""
    if quote and (begin := text.find(quote)) >= 0:
        return begin, begin + len(quote)
    words = _words(speaker, quote)
    folded, places = "", list[int]()
    for place, character in enumerate(text):
        plain = _folded(character)
        if not (plain == " " and folded.endswith(" ")):
            folded += plain
            places += [place] * len(plain)
    begin = folded.find(words) if words else -1
    return None if begin < 0 else (places[begin], places[begin + len(words) - 1] + 1)


def _words(speaker: str, quote: str) -> str:
    words = _folded(quote).strip(_ENCLOSING)
    return words.removeprefix(f"{_folded(speaker).strip()}:").strip(_ENCLOSING)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text.translate(_FOLDS)).translate(_FOLDS)
    return re.sub(r"\s+", " ", plain).casefold()

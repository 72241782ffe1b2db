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
    words = _folded(quote).strip(_ENCLOSING)
    words = words.removeprefix(f"{_folded(speaker).strip()}:").strip(_ENCLOSING)
    return bool(words) and words in _folded(text)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text.translate(_FOLDS)).translate(_FOLDS)
    return re.sub(r"\s+", " ", plain).casefold()

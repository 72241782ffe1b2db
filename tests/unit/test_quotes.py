"""Where in a message the words stand that a fact cites it with."""

import pytest

from tablestore_memory.worker.extract.quotes import holds, span


@pytest.mark.parametrize(
    ("text", "quote", "stands"),
    [
        ("Well. I like tea.", "I like tea", "I like tea"),
        ("Well. I like tea.", "I like tea.", "I like tea."),
        ("Well. I  LIKE\ntea!", "i like tea", "I  LIKE\ntea"),
        ("She said “it’s fine” – really…", "it's fine\" - really...", "it’s fine” – really"),
        ("I like tea", "Ana: I like tea", "I like tea"),
        ("你好。我喜欢ＡＢＣ茶。", "我喜欢ABC茶", "我喜欢ＡＢＣ茶"),
        ("ﬁne tea", "fine", "ﬁne"),
        ("Straße 1", "STRASSE 1", "Straße 1"),
        ("tea 🍵 tea", "🍵 tea", "🍵 tea"),
    ],
)
def test_words_are_found_where_they_stand_whatever_their_typography(
    text: str, quote: str, stands: str
) -> None:
    place = span(text, "Ana", quote)

    assert place is not None
    assert text[slice(*place)] == stands
    assert holds(text, "Ana", quote)


@pytest.mark.parametrize("quote", ["I like coffee", "", '""', "Bo: I like tea"])
def test_other_words_are_found_nowhere(quote: str) -> None:
    assert span("I like tea", "Ana", quote) is None


def test_words_that_hold_but_are_composed_otherwise_are_found_nowhere() -> None:
    apart, composed = "cafe\u0301 au lait", "café"

    assert holds(apart, "Ana", composed)
    assert span(apart, "Ana", composed) is None

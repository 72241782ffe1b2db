"""The example programs, run as they are: each shows what its first line says."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHOWN = {
    "add_memories": ["I am allergic to peanuts.", "I play the violin.", "我在柏林工作。"],
    "search_memories": [
        "full_text  Which instrument do I play?  →  ['I play the violin.']",
        "vector  peanuts  →  ['I am allergic to peanuts.']",
        "vector  柏林  →  ['我在柏林工作。']",
    ],
    "append_messages": ["4 messages appended in "],
    "read_session": ["user: I live in Hamburg now.", "assistant: Good to know.", "example-reading"],
}


@pytest.mark.parametrize("name", SHOWN)
def test_example_shows_what_it_promises(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)  # as Python does for a program

    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")

    printed = capsys.readouterr().out
    for shown in SHOWN[name]:
        assert shown in printed

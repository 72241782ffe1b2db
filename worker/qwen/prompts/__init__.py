"""The instructions sent to Qwen, one file a version. A changed prompt is a new file, never an edit."""

from functools import cache
from importlib.resources import files

FACTS_VERSION = "facts_v5"
CONSOLIDATE_VERSION = "consolidate_v6"


def load(version: str, instructions: str = "") -> str:
    """The fixed part first, for the prompt cache; the app's own focus after it."""
    fixed = _fixed(version)
    if not instructions:
        return fixed
    return f"{fixed}\nThe app's own focus, within these rules: {instructions}\n"


@cache
def _fixed(version: str) -> str:
    return files(__name__).joinpath(f"{version}.md").read_text(encoding="utf-8")

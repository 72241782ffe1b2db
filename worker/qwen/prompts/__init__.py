"""The instructions sent to Qwen, one file a version. A changed prompt is a new file, never an edit."""

from importlib.resources import files

FACTS_VERSION = "facts_v1"
CONSOLIDATE_VERSION = "consolidate_v1"


def load(version: str, instructions: str = "") -> str:
    """The fixed part first, for the prompt cache; the app's own focus after it."""
    fixed = files(__name__).joinpath(f"{version}.md").read_text(encoding="utf-8")
    if not instructions:
        return fixed
    return f"{fixed}\nThe app's own focus, within these rules: {instructions}\n"

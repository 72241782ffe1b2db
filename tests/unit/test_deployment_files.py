"""The example settings agree with the code."""

import re
from pathlib import Path

from tablestore_memory.server.settings import ServerSettings

ROOT = Path(__file__).parents[2]


def test_example_settings_name_every_variable_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    named = set(re.findall(r"^#? ?([A-Z_]{4,})=", text, re.MULTILINE))
    named |= set(re.findall(r": (TABLESTORE_[A-Z_]+)=", text))

    wanted = {str(field.alias) for field in ServerSettings.model_fields.values()}
    assert named - {"NO_PROXY"} == wanted


def test_example_settings_are_valid_as_they_stand() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    pairs = [line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z]", line)]

    settings = ServerSettings.from_env(dict(pairs))

    assert settings.redis_url == "redis://127.0.0.1:6399/0"

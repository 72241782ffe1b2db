"""Real conversations, whole: every message once, in order, with the dates of the conversation."""

import json
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

from devtools.deployment import Deployment
from tests.locomo import FOLDER, ROOT, needs_files


def published(file: str) -> bytes:
    command = [sys.executable, "devtools/locomo.py", str(FOLDER / file)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def by_session(lines: bytes) -> dict[str, list[dict[str, Any]]]:
    sessions: dict[str, list[dict[str, Any]]] = {}
    for line in map(json.loads, lines.splitlines()):
        sessions.setdefault(line["session_id"], []).append(line)
    return sessions


@needs_files
@pytest.mark.parametrize(
    ("file", "messages", "sessions"),
    [("conversation-26.json", 419, 19), ("conversation-30.json", 369, 19)],
)
def test_conversation_is_stored_once_in_order_with_its_own_dates_and_remembered(
    deployment: Deployment, file: str, messages: int, sessions: int
) -> None:
    lines = published(file)
    expected = by_session(lines)
    user = next(iter(expected.values()))[0]["user_id"]

    publish = deployment.command("publish", "-", stdin=lines)
    waited = deployment.command("wait", "--timeout", "100")

    assert publish.returncode == 0, publish.stderr.decode()
    assert waited.returncode == 0, waited.stderr.decode()
    assert len(expected) == sessions
    assert {s.session_id for s in deployment.services.sessions.of_user(user)} == set(expected)
    for session, said in expected.items():
        stored = list(deployment.services.sessions.messages(user, session))
        assert [(m.message_id, m.created_at) for m in stored] == [
            (line["message_id"], micros(line["created_at"])) for line in said
        ]
        assert all(m.text.startswith(text_of(line)) for m, line in zip(stored, said, strict=True))
    assert sum(map(len, expected.values())) == messages
    said_ids = {line["message_id"] for line in map(json.loads, lines.splitlines())}
    memories = deployment.memories(user)
    assert len(memories) > 20
    assert len({memory.text for memory in memories}) == len(memories)
    assert {source.message_id for memory in memories for source in memory.sources} <= said_ids


def text_of(line: dict[str, Any]) -> str:
    """What was said; a picture beside it may be told of after that."""
    content = line["content"]
    return str(content if isinstance(content, str) else content[0]["text"])


def micros(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1e6)

"""The example programs, run as they are, and the chat behind FastAPI, asked over HTTP."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from devtools.servers import wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHOWN = {
    "openai_agents_session": ["What did I say?  →  I see 3 items.", "4 items in the session"],
    "langchain_history": ["human: I am allergic to peanuts.", "ai: You are allergic to peanuts."],
    "langgraph_memories": [
        "at once, by its key: I play the violin.",
        "Which instrument do I play?  →  I play the violin.",
    ],
}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples' recall has the time of a machine that others use too."""
    monkeypatch.setenv("MEMORY_RECALL_DEADLINE_S", "10")


@pytest.mark.parametrize("name", SHOWN)
def test_example_shows_what_it_promises(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")

    printed = capsys.readouterr().out
    for shown in SHOWN[name]:
        assert shown in printed


def test_chat_behind_fastapi_knows_in_a_session_what_was_said_in_another(fresh_name: str) -> None:
    app: Any = runpy.run_path(str(EXAMPLES / "fastapi_chat.py"))["app"]

    with TestClient(app) as client:

        def answer(session: str, text: str) -> str:
            said = {"user_id": fresh_name, "session_id": session, "text": text}
            response = client.post("/chat", json=said)
            assert response.status_code == 200
            answered: str = response.json()["answer"]
            return answered

        answer("first", "I am allergic to peanuts.")
        known = wait_until(
            lambda: text if "allergic" in (text := answer("second", "Are peanuts fine?")) else "",
            "it is known that peanuts are not",
        )

    assert "peanuts" in known

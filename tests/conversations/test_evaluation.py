"""`make eval` on a small conversation whose right figures are known, and the bill of a real one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devtools.servers import Server
from tests.locomo import FOLDER, ROOT, needs_files

CONVERSATION = {
    "speaker_a": "Ann",
    "speaker_b": "Bo",
    "session_1_date_time": "1:56 pm on 8 May, 2023",
    "session_1": [
        {"speaker": "Ann", "dia_id": "D1:1", "text": "I live in Paris."},
        {"speaker": "Bo", "dia_id": "D1:2", "text": "What a lovely day it is!"},
        {"speaker": "Bo", "dia_id": "D1:3", "text": "I'm allergic to peanuts."},
    ],
    "qa": [
        {
            "question": "Where does Ann live?",
            "answer": "Paris",
            "evidence": ["D1:1"],
            "category": 4,
        },
        {
            "question": "Peanuts and days?",
            "answer": "unknown",
            "evidence": ["D1:3; D1:02"],
            "category": 1,
        },
        {"question": "Nothing?", "evidence": [], "category": 3},
        {"question": "Where does Bo live?", "evidence": ["D1:1"], "category": 5},
    ],
}


def evaluation(file: Path, *options: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "bench.evaluation", "--json", *map(str, options), str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def evaluated(file: Path, *options: object) -> dict[str, Any]:
    answer = evaluation(file, *options)
    assert answer.returncode == 0, answer.stderr
    figures: dict[str, Any] = json.loads(answer.stdout)
    return figures


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.json"
    file.write_text(json.dumps(CONVERSATION), "utf-8")
    return file


def test_figures_of_a_small_conversation_are_right(small: Path) -> None:
    figures = evaluated(small)

    everything = {
        r["way"]: r for r in figures["recall"] if r["category"] == "all" and r["tokens"] == 2_000
    }
    adversarial = [r["questions"] for r in figures["recall"] if r["category"] == "adversarial"]
    assert figures["answers_by"].startswith("local rules")
    assert (figures["messages"], figures["memories"], figures["doubles"]) == (3, 2, 0)
    # What was said about the day shares no word with the question.
    assert everything["turns"]["share"] == everything["both"]["share"] == 0.75
    assert adversarial == [1] * 9
    assert all(row.pop("p50_ms") > 0 for row in everything.values())
    assert everything["memories"] == {
        "way": "memories",
        "tokens": 2_000,
        "category": "all",
        "questions": 2,
        "any_hit": 1.0,
        "all_found": 0.5,  # nothing worth remembering was said about the day
        "share": 0.75,
        "at_best": 0.75,
    }
    assert figures["losses"]["1000"] == {"not_extracted": 1, "of": 3}
    assert figures["right"] == figures["wrong"] == []
    assert figures["dates"]["right"] == figures["dates"]["extracted"] >= 8
    assert figures["stale"] == {"updates": 6, "still_active": 0, "new_active": 6}
    assert figures["leaks"] == {"secrets": 5, "leaked": 0, "orders_kept": 0}
    assert figures["language_match"] == 1.0
    assert "Paris" not in json.dumps(figures)


def test_what_is_found_may_be_reranked(small: Path) -> None:
    reranked = evaluated(small, "--rerank", "qwen3-rerank")
    by_nobody = evaluation(small, "--rerank", "no-such-model")

    assert {row["share"] for row in reranked["recall"] if row["category"] == "all"} == {0.75}
    assert by_nobody.returncode == 1
    assert "rerank" in by_nobody.stderr


def test_answers_of_no_use_to_the_questions_leave_the_other_figures(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Local rules as a model at an endpoint: they find facts, and can neither answer nor judge."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "local")
    with Server.start("dashscope") as qwen:
        figures = evaluated(small, "--endpoint", qwen.url)

    right = {row["category"]: row["strict"] for row in figures["right"]}
    assert figures["memories"] == 2
    assert figures["unanswered"] == {"questions": 3, "answers": 3}  # one is not asked
    assert right["all"] == right["adversarial"] == 0.0


@needs_files
@pytest.mark.timeout(300)
def test_thousand_messages_of_a_real_conversation_take_at_most_120_calls() -> None:
    file = min(FOLDER.glob("*.json"), key=lambda file: file.stat().st_size)

    figures = evaluated(file)

    assert figures["messages"] > 100
    assert 0 < figures["per_1000_messages"]["calls"] <= 120

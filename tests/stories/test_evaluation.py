"""`make eval` on a small conversation whose right figures are known, and the bill of a real one."""

import json
from itertools import groupby
from pathlib import Path

from bench.evaluation.__main__ import run, table
from bench.evaluation.place import place, remember
from bench.locomo import lines, slug
from tests.locomo import FOLDER, needs_files

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
        {"question": "Where does Ann live?", "evidence": ["D1:1"], "category": 4},
        {"question": "Peanuts and days?", "evidence": ["D1:3; D1:02"], "category": 1},
        {"question": "Nothing?", "evidence": [], "category": 3},
    ],
}


def test_figures_of_a_small_conversation_are_right(tmp_path: Path) -> None:
    file = tmp_path / "small.json"
    file.write_text(json.dumps(CONVERSATION), "utf-8")

    figures = run([file], "qwen-plus", None)

    everything = {r["way"]: r for r in figures["recall"] if r["category"] == "all"}
    assert figures["answers_by"].startswith("local rules")
    assert (figures["messages"], figures["memories"], figures["doubles"]) == (3, 2, 0)
    assert everything["turns"]["share"] == 1.0
    assert everything["memories"] == {
        "way": "memories",
        "tokens": 4_000,
        "category": "all",
        "questions": 2,
        "any_hit": 1.0,
        "all_found": 0.5,  # nothing worth remembering was said about the day
        "share": 0.75,
    }
    assert figures["losses"][1_000] == {
        "not_extracted": 1,
        "not_indexed": 0,
        "not_retrieved": 0,
        "of": 3,
    }
    assert figures["dates"]["right"] == figures["dates"]["extracted"] >= 8
    assert figures["stale"] == {"updates": 6, "still_active": 0, "new_active": 6}
    assert figures["leaks"] == {"secrets": 5, "leaked": 0, "orders_kept": 0}
    assert figures["language_match"] == 1.0
    assert "Paris" not in table(figures)


@needs_files
def test_thousand_messages_of_a_real_conversation_take_at_most_120_calls() -> None:
    file = min(FOLDER.glob("*.json"), key=lambda file: file.stat().st_size)
    every = list(lines(json.loads(file.read_text("utf-8")), slug(file.stem)))
    sessions = [list(group) for _, group in groupby(every, key=lambda line: line["session_id"])]

    with place("qwen-plus", None) as (deployment, pace):
        remember(deployment, every)

    assert len(sessions) > 10
    assert 0 < sum(pace.calls.values()) / len(every) * 1_000 <= 120

"""A conversation file of LoCoMo's form as events."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "devtools" / "locomo.py"
CONVERSATION = {
    "speaker_a": "Ann",
    "speaker_b": "Bo Li",
    "session_10_date_time": "12:05 am on 2 March, 2023",
    "session_10": [{"speaker": "Bo Li", "dia_id": "D10:1", "text": "Last"}],
    "session_2_date_time": "1:56 pm on 1 March, 2023",
    "session_2": [
        {"speaker": "Ann", "dia_id": "D2:1", "text": "你好"},
        {
            "speaker": "Bo Li",
            "dia_id": "D2:2",
            "text": "Hi",
            "blip_caption": "a cat",
            "img_url": ["https://example.org/cat.jpg"],
        },
    ],
    "session_11_date_time": "1:00 pm on 3 March, 2023",
}


def test_turns_become_messages_in_the_order_and_time_of_the_conversation(tmp_path: Path) -> None:
    file = tmp_path / "My talk.json"
    file.write_text(json.dumps(CONVERSATION), encoding="utf-8")

    printed = subprocess.run(
        [sys.executable, SCRIPT, file], capture_output=True, check=True, encoding="utf-8"
    ).stdout

    events = [json.loads(line) for line in printed.splitlines()]
    assert [(e["message_id"], e["created_at"], e["name"]) for e in events] == [
        ("my-talk-D2-1", "2023-03-01T13:56:00+00:00", "Ann"),
        ("my-talk-D2-2", "2023-03-01T13:56:30+00:00", "Bo Li"),
        ("my-talk-D10-1", "2023-03-02T00:05:00+00:00", "Bo Li"),
    ]
    assert events[0] == {
        "type": "message",
        "user_id": "ann-bo-li",
        "session_id": "my-talk-session-02",
        "role": "user",
        "content": "你好",
        "message_id": "my-talk-D2-1",
        "created_at": "2023-03-01T13:56:00+00:00",
        "name": "Ann",
    }
    assert events[1]["content"] == [
        {"type": "text", "text": "Hi"},
        {"type": "image", "alt": "a cat", "image_url": "https://example.org/cat.jpg"},
    ]

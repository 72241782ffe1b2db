"""A LoCoMo conversation as published JSON lines.

    python devtools/locomo.py conversation-26.json | memory-worker publish -

Owns the mapping of that data set onto events. Both speakers are people, so both are role `user` and
told apart by `name`: with `assistant` for one of them, half of the facts would not be anybody's.
One user id per pair of speakers, since the memory is of what the two told each other; one session
per `session_N`, its id unique per file. The times are the conversation's, in UTC, a turn every 30
seconds. A picture is a part of its message, with its caption as the text in its place (`alt`).
"""

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TURN_GAP = timedelta(seconds=30)  # turns carry no times of their own; this keeps their order
DATE_TIME = "%I:%M %p on %d %B, %Y"  # 1:56 pm on 8 May, 2023


def lines(conversation: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """One event for each turn, in the order of the conversation. `name` keeps ids apart."""
    user_id = slug(f"{conversation['speaker_a']}-{conversation['speaker_b']}")
    for number in session_numbers(conversation):
        began = datetime.strptime(conversation[f"session_{number}_date_time"], DATE_TIME)
        for position, turn in enumerate(conversation[f"session_{number}"]):
            yield {
                "type": "message",
                "user_id": user_id,
                "session_id": f"{name}-session-{number:02}",
                "role": "user",
                "content": _content(turn),
                "message_id": f"{name}-{turn['dia_id'].replace(':', '-')}",
                "created_at": (began.replace(tzinfo=UTC) + position * TURN_GAP).isoformat(),
                "name": turn["speaker"],
            }


def _content(turn: dict[str, Any]) -> str | list[dict[str, str]]:
    """Text, or parts where a picture was shown; of some pictures only the caption is left."""
    if not turn.get("blip_caption"):
        return str(turn["text"])
    picture = {"type": "image", "alt": turn["blip_caption"]}
    if addresses := turn.get("img_url"):
        picture["image_url"] = addresses[0]
    return [{"type": "text", "text": turn["text"]}, picture]


def session_numbers(conversation: dict[str, Any]) -> list[int]:
    """The sessions that have turns; some files date sessions that they do not hold."""
    found = (re.fullmatch(r"session_(\d+)", key) for key in conversation)
    return sorted(int(match[1]) for match in found if match)


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def main(argv: list[str]) -> int:
    if len(argv) != 1:
        print("usage: python devtools/locomo.py FILE", file=sys.stderr)
        return 2
    path = Path(argv[0])
    for line in lines(json.loads(path.read_text(encoding="utf-8")), slug(path.stem)):
        print(json.dumps(line, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Texts and ids of users for spans: nothing of them, unless the environment asks for it.

Source: semantic conventions for GenAI, capturing instructions, inputs, and outputs.
"""

import json
import os
from typing import Any

from tablestore_memory.worker.tracing.spans import Value, is_on

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_IN_SPANS = ("true", "span_only", "span_and_event")  # the first is of before there were several


def captures_text() -> bool:
    """Whether texts and ids of users may stand in spans."""
    return is_on() and os.environ.get(CAPTURE, "").lower() in _IN_SPANS


def asked(system: str, user: str) -> dict[str, Value]:
    """What a model is asked, if that may be told."""
    if not captures_text():
        return {}
    return {
        "gen_ai.system_instructions": _json([_part(system)]),
        "gen_ai.input.messages": _json([{"role": "user", "parts": [_part(user)]}]),
    }


def answered(output: Any) -> dict[str, Value]:
    """What it said, if that may be told; `output` as in a response of DashScope's."""
    if not captures_text():
        return {}
    messages = [
        {
            "role": "assistant",
            "parts": [_part(str(choice["message"]["content"]))],
            "finish_reason": str(choice["finish_reason"]),
        }
        for choice in output.get("choices") or ()
    ]
    return {"gen_ai.output.messages": _json(messages)} if messages else {}


def ids(user_id: str, session_id: str | None = None) -> dict[str, Value]:
    """Whose it is, and of which session, if that may be told."""
    if not captures_text():
        return {}
    told: dict[str, Value] = {"user.id": user_id}
    if session_id:
        told["gen_ai.conversation.id"] = session_id
    return told


def queried(query: str) -> dict[str, Value]:
    """What is looked for in memories, if that may be told."""
    return {"gen_ai.memory.query.text": query} if captures_text() else {}


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "content": text}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

"""Content parts as AgentScope Runtime 1.0.5 can read them, and back as they were said. Does no I/O.

Its reader knows six types of parts whose fields have fixed types, and a single part that it cannot read makes the
whole session unreadable. So what it could not read is stored as a part that it can, marked by `stands_for`:

    {"type": "image_url", …}              {"type": "data", "data": the part, "stands_for": {}}
    {"type": "input_text", "text": "hi"}  {"type": "text", "text": "hi", "stands_for": the rest of the part}

Source: agentscope_runtime/engine/schemas/agent_schemas.py, AgentContent.
"""

import json
from typing import Any

import msgspec

Part = dict[str, Any]

_MARK = "stands_for"
_SAID = frozenset({"text", "input_text", "output_text"})
"""Types whose `text` is what was said; the latter two are of OpenAI's Responses API."""

_DESCRIBED = {
    **dict.fromkeys(("image", "image_url", "input_image"), ("picture", "alt")),
    **dict.fromkeys(("file", "input_file"), ("file", "filename")),
}
"""What a part is called, and the field in which its publisher says what it shows or how it is named."""

_ONE_TEXT = '[{"type":"text"}]'


class Error(msgspec.Struct):
    """An error as AgentScope's messages and parts hold it."""

    code: str
    message: str


class _Content(msgspec.Struct, tag_field="type", forbid_unknown_fields=True):
    sequence_number: int | None = None
    object: str = "content"
    status: str | None = None
    error: Error | None = None
    index: int | None = None
    delta: bool | None = None
    msg_id: str | None = None


# A further field does not hide what a text says; AgentScope leaves it out.
class _Text(_Content, tag="text", forbid_unknown_fields=False):
    text: str | None = None


class _Data(_Content, tag="data"):
    data: dict[str, Any] | None = None


class _Image(_Content, tag="image"):
    image_url: str | None = None


class _Audio(_Content, tag="audio"):
    data: str | None = None
    format: str | None = None


class _File(_Content, tag="file"):
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    file_data: str | None = None


class _Refusal(_Content, tag="refusal"):
    refusal: str | None = None


_Readable = _Text | _Data | _Image | _Audio | _File | _Refusal


def readable(part: Part) -> Part:
    """The part, or one that AgentScope can read in its place. A copy."""
    if _MARK not in part and _is_readable(part):
        return dict(part)
    if part["type"] not in _SAID or not isinstance(part.get("text"), str | None):
        return {"type": "data", "data": part, _MARK: {}}
    rest = {name: value for name, value in part.items() if name != "text"}
    said = {"text": part["text"]} if "text" in part else {}
    return {"type": "text", **said, _MARK: rest}


def original(part: Part) -> Part:
    """The inverse of `readable`."""
    if _MARK not in part:
        return part
    if part["type"] == "data":
        whole: Part = part["data"]
        return whole
    return {**part[_MARK], **({"text": part["text"]} if "text" in part else {})}


def _is_readable(part: Part) -> bool:
    try:
        msgspec.convert(part, _Readable)
    except msgspec.ValidationError:
        return False
    return True


def split_content(
    content: str | list[Part] | None, message_type: str
) -> tuple[str | None, list[Part] | None]:
    """The first text of a plain message, and the parts without it, as AgentScope can read them."""
    if content is None:
        return None, None
    if isinstance(content, str):
        parts: list[Part] = [{"type": "text", "text": content}]
    else:
        parts = [readable(part) for part in content]
    if message_type == "message":
        for part in parts:
            if part["type"] == "text":
                return part.pop("text", None), parts
    return None, parts


def joined_content(text: str | None, content_list: str | None) -> list[Part] | None:
    """The inverse of `split_content`. Raises ValueError, KeyError or TypeError for what it did not make."""
    if content_list is None:
        return None
    parts: list[Part] = json.loads(content_list)
    first = next((part for part in parts if part["type"] == "text"), None)
    if text is not None and first is not None:
        first["text"] = text
    return [original(part) for part in parts]


def spoken(text: str | None, content_list: str) -> str:
    """All texts of a message, and what its pictures and files are said to be: "[picture: a red bicycle]".

    Of a message without any what it is made of: "[image_url]".
    """
    if content_list == _ONE_TEXT:  # as nearly all are
        return text or ""
    try:
        parts = joined_content(text, content_list) or []
        told = [words for part in parts if (words := _told(part))]
        others = [f"[{part['type']}]" for part in parts if part["type"] not in _SAID]
        return "\n".join(told) or " ".join(others)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text or ""  # a row of somebody else's


def _told(part: Part) -> str | None:
    """What a part says, or what somebody said of it: a picture's alternative text `alt`, a file's name."""
    if part["type"] in _SAID:
        return part.get("text")
    what, field = _DESCRIBED.get(part["type"], ("", ""))
    description = part.get(field)
    if not isinstance(description, str) or not description.strip():
        return None
    return f"[{what}: {' '.join(description.split())}]"

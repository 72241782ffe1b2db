"""The JSON of a generation request, read: who said what, the data, the wished reply.

Owns how a task is told from a chat on the plain wire: data is one JSON object inside a user
message, the form of the reply is the JSON example inside the system prompt.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tablestore_memory.localcloud.dashscope import errors

Json = dict[str, Any]
# Lists that data brings; an example of input in a prompt is no example of the reply.
INPUT_LISTS = frozenset({"messages", "new_facts", "existing"})


@dataclass(frozen=True)
class Turn:
    """One message of a prompt, its content as text."""

    role: str
    text: str


def turns(body: Json) -> list[Turn]:
    """The prompt's messages. Raises ServiceError where there are none or they are malformed."""
    given = body.get("input") or {}
    if isinstance(given.get("prompt"), str):
        return [Turn("user", given["prompt"])]
    messages = given.get("messages")
    if not isinstance(messages, list) or not messages:
        raise errors.invalid_parameter("Either input.prompt or input.messages is required.")
    return [_turn(message) for message in messages]


def _turn(message: object) -> Turn:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise errors.invalid_parameter("Each of input.messages must have a role and a content.")
    if message["role"] not in ("system", "user", "assistant", "tool"):
        raise errors.invalid_parameter(f"Role specification invalid: {message['role']}.")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not isinstance(content, str):
        raise errors.invalid_parameter("The content of a message must be a text.")
    return Turn(message["role"], content)


def data(prompt: list[Turn], key: str) -> Json | None:
    """The latest object in a user message that has the list `key`; a repair repeats no data."""
    for turn in reversed(prompt):
        if turn.role == "user":
            for found in objects(turn.text):
                if isinstance(found.get(key), list):
                    return found
    return None


def example(prompt: list[Turn]) -> tuple[str, Json] | None:
    """From the system prompt: the reply's list and an item that shows its keys."""
    shown: dict[str, Json] = {}
    for turn in prompt:
        if turn.role == "system":
            for found in objects(turn.text):
                for key, items in found.items():
                    if key not in INPUT_LISTS and _is_list_of(dict, items):
                        shown.setdefault(key, {}).update(items[0])
    return next(iter(shown.items()), None)


def rows(prompt: list[Turn]) -> str | None:
    """From the system prompt: the reply's list, if it shows rows in it, be it below a line of what they tell."""
    systems = (turn.text for turn in prompt if turn.role == "system")
    for found in (found for text in systems for found in objects(text)):
        for key, items in found.items():
            if key not in INPUT_LISTS and _holds_lists(items):
                return key
    return None


def objects(text: str) -> Iterator[Json]:
    """Every outermost JSON object that stands in a text."""
    decoder, start = json.JSONDecoder(), text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            value, end = None, start + 1
        if isinstance(value, dict):
            yield value
        start = text.find("{", end)


def example_of(prompt: list[Turn], name: str) -> Json | None:
    """The keys of an item, if the system prompt shows the reply as an object with this list."""
    shown = example(prompt)
    return shown[1] if shown and shown[0] == name else None


def _holds_lists(items: object) -> bool:
    return isinstance(items, list) and any(isinstance(item, list) for item in items)


def _is_list_of(form: type, items: object) -> bool:
    return isinstance(items, list) and bool(items) and isinstance(items[0], form)

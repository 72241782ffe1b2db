"""One question to Qwen whose answer must have a shape; one repair when it does not.

An answer may hold anything, a user's text or an order: what was wrong with it is told by place and
expected form, never in its own words.
"""

import re
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from tablestore_memory.worker.failures.errors import UnusableReply
from tablestore_memory.worker.qwen.client import Qwen

Answer = TypeVar("Answer")
# What msgspec says in words of the shape alone; of an enum it quotes the value it got.
_OF_THE_SHAPE = (
    *("Expected ", "Object missing required field ", "JSON is malformed"),
    *("Input data was truncated", "Number out of range"),
)
_PATH = re.compile(r"`\$[\w.\[\]]*`$")


def ask(qwen: Qwen, system: str, user: str, shape: type[Answer]) -> Answer:
    """The decoded answer. Raises UnusableReply when neither it nor its repair has the shape."""
    answer = _decoded(qwen.json(system, user).text, shape)
    if isinstance(answer, _Wrong):
        repair = (
            f"{system}\nAn earlier answer to this was refused: {answer.reason}. "
            "Answer again with one JSON object of exactly the shape above."
        )
        answer = _decoded(qwen.json(repair, user).text, shape)
    if isinstance(answer, _Wrong):
        raise UnusableReply(f"Qwen: not of the asked shape: {answer.reason}")
    return answer


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Why an answer has not the shape."""

    reason: str


def _decoded(text: str, shape: type[Answer]) -> Answer | _Wrong:
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.DecodeError as error:
        return _Wrong(_without_values(str(error)))
    except RecursionError:
        return _Wrong("nested too deeply")


def _without_values(message: str) -> str:
    """The expected form and the path, such as `$.facts[0].kind`."""
    found = _PATH.search(message)
    reason = message.partition(" - at ")[0]
    if not reason.startswith(_OF_THE_SHAPE):
        reason = "not one of the allowed values"
    return f"{reason} at {found[0]}" if found else reason

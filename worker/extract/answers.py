"""One question to Qwen whose answer must have a shape; one repair when it does not."""

from typing import TypeVar

import msgspec

from tablestore_memory.worker.errors import UnusableReply
from tablestore_memory.worker.qwen import Qwen

Answer = TypeVar("Answer")


def ask(qwen: Qwen, system: str, user: str, shape: type[Answer]) -> Answer:
    """The decoded answer. Raises UnusableReply when neither it nor its repair has the shape."""
    reply = qwen.json(system, user)
    try:
        return msgspec.json.decode(reply.text, type=shape)
    except msgspec.DecodeError as error:
        repair = (
            f"{system}\nAn earlier answer to this was refused: {error}. "
            "Answer again with one JSON object of exactly the shape above."
        )
        again = qwen.json(repair, user)
    try:
        return msgspec.json.decode(again.text, type=shape)
    except msgspec.DecodeError as error:
        raise UnusableReply(f"Qwen: not of the asked shape: {error}") from error

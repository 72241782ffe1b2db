"""Messages as the data of a question: short, as every token of a conversation is paid for, and JSON throughout.

    {"new": 2, "messages": ["Mon 2023-05-08 13:56", [1, "Ana", "Hi!"], [2, "Bo (assistant)", "Hello …", "cut"]]}

Does no I/O.
"""

from collections.abc import Iterator, Sequence

import msgspec

from tablestore_memory.worker.extract.shown import Shown
from tablestore_memory.worker.stores.sessions import Turn

Item = str | list[int | str]


def payload(context: Sequence[Shown], new: Sequence[Shown]) -> str:
    """Numbered, context first; `new` is the first number that facts are wanted of, left out where it is 1."""
    first = {"new": len(context) + 1} if context else {}
    return msgspec.json.encode(first | {"messages": list(_items([*context, *new]))}).decode()


def _items(messages: Sequence[Shown]) -> Iterator[Item]:
    """With the time as it was for its speaker, wherever a day begins: "yesterday" is theirs."""
    day = None
    for number, each in enumerate(messages, 1):
        at = each.said.at
        if at.date() != day:
            day = at.date()
            yield f"{at:%a %Y-%m-%d %H:%M}"
        cut = ["cut"] if each.cut else []
        yield [number, _who(each.said), each.said.text, *cut]


def _who(message: Turn) -> str:
    """Only an assistant with a name of its own needs to be called one."""
    if message.role == "user" or message.speaker == message.role:
        return message.speaker
    return f"{message.speaker} ({message.role})"

"""What waits in Redis to become a row: the sums of an owner's day, or what somebody did by hand."""

import msgspec


class CostOf(msgspec.Struct, frozen=True, tag="cost"):
    """The sums stand in the ledger."""

    day: str
    owner: str


class Deed(msgspec.Struct, frozen=True, tag="audit"):
    """A command and the user it named, if any; `by` is who gave it, `at` in µs. Never a text."""

    at: int
    deed_id: str
    command: str
    user_id: str
    by: str
    host: str


Unbooked = CostOf | Deed


def name_of(unbooked: Unbooked) -> bytes:
    """As a member of a sorted set."""
    return msgspec.json.encode(unbooked)


def named(name: bytes) -> Unbooked | None:
    """None for one of another release: it waits for a worker that can read it."""
    try:
        read: Unbooked = msgspec.json.decode(name, type=CostOf | Deed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return read

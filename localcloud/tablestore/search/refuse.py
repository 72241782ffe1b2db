"""Refuses what a request asks for and this engine does not do."""

from typing import Any

from tablestore_memory.localcloud.tablestore import errors


def all_but(message: Any, accepted: str) -> None:
    """Raise UnsupportOperation if the message sets a field that is not in `accepted` (words)."""
    known = set(accepted.split())
    for field, _ in message.ListFields():
        if field.name not in known:
            kind = message.DESCRIPTOR.name
            raise errors.UnsupportOperation(f"[{field.name}] of {kind} is not supported locally.")


def unless(allowed: bool, message: str) -> None:
    """Raise ParameterInvalid with the message unless the condition holds."""
    if not allowed:
        raise errors.ParameterInvalid(message)


def unsupported(what: str) -> errors.UnsupportOperation:
    """The error for a feature that is not there."""
    return errors.UnsupportOperation(f"{what} is not supported locally.")

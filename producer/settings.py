"""Settings of a publisher: argument, then environment, then default. All bad ones reported at once.

Each default carries its reason. Secrets stay in the URL and are never printed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, TypedDict

from tablestore_memory.producer.errors import (
    BadSetting,
)
from tablestore_memory.protocol.redis_urls import RedisUrl
from tablestore_memory.protocol.streams import MAX_PARTITIONS

DURABILITIES = ("journal", "memory")
POLICIES = ("drop_oldest", "block", "raise")


def _default_journal_dir() -> str:
    state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return str(Path(state) / "tablestore-memory")


@dataclass(frozen=True)
class Settings:
    """What a publisher may be told. The environment's names are `MEMORY_` and the field's."""

    redis_url: str = field(default="redis://localhost:6379/0", repr=False)
    prefix: str = "memory"
    partitions: int = 8
    durability: str = "journal"
    """`journal`: on disk before it is queued. `memory`: on disk only when it must wait."""
    journal_dir: str = field(default_factory=_default_journal_dir)
    journal_bytes: int = 1024**3
    """The most one process keeps on disk: hours of a busy agent while Redis is away."""
    segment_bytes: int = 8 * 1024**2
    queue_events: int = 50_000
    queue_bytes: int = 64 * 1024**2
    """Bounds of what waits in memory."""
    when_full: str = "drop_oldest"
    block_timeout_s: float = 1.0
    batch_events: int = 300
    batch_bytes: int = 1024**2
    """One round trip. Packing a larger one holds the interpreter, and callers with it, for milliseconds;
    smaller ones hand it to and fro more often (docs/publishing.md)."""
    linger_s: float = 0.005
    """How long a batch waits for company: nobody notices 5 ms, Redis does."""
    exit_timeout_s: float = 2.5
    """For delivering at exit; with the interpreter's own end it stays under 3 s."""
    strict: bool = True
    """Raise on a malformed event, or else count it, log it and set it aside."""
    handle_sigterm: bool = True
    """Deliver on SIGTERM, if nobody else handles it."""

    @classmethod
    def resolve(cls, arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Self:
        """Raises BadSetting, naming every setting that is not usable."""
        known = {setting.name for setting in fields(cls)}
        if unknown := sorted(arguments.keys() - known):
            raise TypeError(f"unknown setting: {', '.join(unknown)}")
        values: dict[str, Any] = {}
        problems: list[tuple[str, str]] = []
        for setting in fields(cls):
            name, value = _given(setting.name, arguments, environ)
            if value is None:
                continue
            try:
                values[setting.name] = _checked(setting.name, setting.type, value)
            except ValueError as error:
                problems.append((name, str(error)))
        if problems:
            names = ", ".join(name for name, _ in problems)
            raise BadSetting(names, "; ".join(f"{name} {reason}" for name, reason in problems))
        return cls(**values)


class Options(TypedDict, total=False):
    """The settings as keyword arguments, but for the URL, which comes first."""

    prefix: str | None
    partitions: int | None
    durability: Literal["journal", "memory"] | None
    journal_dir: str | None
    journal_bytes: int | None
    segment_bytes: int | None
    queue_events: int | None
    queue_bytes: int | None
    when_full: Literal["drop_oldest", "block", "raise"] | None
    block_timeout_s: float | None
    batch_events: int | None
    batch_bytes: int | None
    linger_s: float | None
    exit_timeout_s: float | None
    strict: bool | None
    handle_sigterm: bool | None


def environment_name(setting: str) -> str:
    """The environment variable of a setting."""
    return "REDIS_URL" if setting == "redis_url" else f"MEMORY_{setting.upper()}"


def _given(name: str, arguments: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, Any]:
    if arguments.get(name) is not None:
        return name, arguments[name]
    variable = environment_name(name)
    return variable, environ.get(variable) or None


_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_CHOICES = {"durability": DURABILITIES, "when_full": POLICIES}


def _checked(name: str, kind: object, value: Any) -> Any:
    if name == "redis_url":
        RedisUrl.parse(str(value))  # its errors repeat nothing of a URL, which may hold a password
        return str(value)
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(f"must be one of {', '.join(_CHOICES[name])}")
    if kind in (int, float):
        number = _checked_number(value, int if kind is int else float)
        if name == "partitions" and number > MAX_PARTITIONS:
            raise ValueError(f"must be at most {MAX_PARTITIONS}: workers look for no more")
        return number
    if kind is bool and not isinstance(value, bool):
        if str(value).lower() not in _SWITCH:
            raise ValueError("must be 1 or 0")
        return _SWITCH[str(value).lower()]
    return value if kind is bool else str(value)


def _checked_number(value: Any, kind: type[int] | type[float]) -> int | float:
    try:
        number = kind(value)
    except (TypeError, ValueError):
        raise ValueError("must be a number") from None
    if not number >= 0 or number == float("inf") or (kind is int and number < 1):
        raise ValueError("must be positive")
    return number

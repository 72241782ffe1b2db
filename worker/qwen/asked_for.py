"""On whose behalf Qwen is asked, and what for: said where it is known, read where calls are counted and booked."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asker:
    """A user, and when what is done for them was received, ms of Redis' clock."""

    user_id: str
    since_ms: int


NOBODY = Asker("", 0)
"""Where nobody's text is sent."""
_asker: ContextVar[Asker] = ContextVar("asker", default=NOBODY)
_purpose: ContextVar[str] = ContextVar("purpose", default="other")


@contextmanager
def asked_for(*, asker: Asker | None = None, purpose: str | None = None) -> Iterator[None]:
    """Around what may ask, or as a decorator of it; what is not given stays as it was said further out."""
    whom, what = _asker.set(asker or _asker.get()), _purpose.set(purpose or _purpose.get())
    try:
        yield
    finally:
        _asker.reset(whom)
        _purpose.reset(what)


def current_asker() -> Asker:
    return _asker.get()


def current_purpose() -> str:
    return _purpose.get()

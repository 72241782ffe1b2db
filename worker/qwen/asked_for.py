"""On whose behalf Qwen is asked, and what for: said where it is known, read where calls are counted and booked."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_user: ContextVar[str] = ContextVar("user", default="")
_purpose: ContextVar[str] = ContextVar("purpose", default="other")


@contextmanager
def asked_for(*, user_id: str | None = None, purpose: str | None = None) -> Iterator[None]:
    """Around what may ask, or as a decorator of it; what is not given stays as it was said further out."""
    before = [(_user, _user.set(user_id or _user.get()))]
    before.append((_purpose, _purpose.set(purpose or _purpose.get())))
    try:
        yield
    finally:
        for variable, token in before:
            variable.reset(token)


def current_user() -> str:
    """Empty where nobody's text is sent."""
    return _user.get()


def current_purpose() -> str:
    return _purpose.get()

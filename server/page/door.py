"""Who is let in: by the login link, good once and not for long, or by a token of all users. Then by a cookie.

Kept in this process alone: when it ends, everybody is out.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable

from tablestore_memory.server.access import Tokens

LINK = "link"
"""The visitor's name who came by the login link: whoever can read what the server printed."""

Clock = Callable[[], float]


class Door:
    """`link_s` and `login_s`: how long a link waits to be opened, and a login lasts."""

    def __init__(
        self, tokens: Tokens, *, link_s: float, login_s: float, clock: Clock = time.monotonic
    ) -> None:
        self.login_s = login_s
        self._tokens = tokens
        self._link_s = link_s
        self._links = _Passes(clock)
        self._logins = _Passes(clock)

    def new_key(self) -> str:
        """For a login link."""
        return self._links.issue(LINK, self._link_s)

    def by_key(self, key: str) -> str | None:
        """The secret of a new login, for the cookie; None if the key was used, is too old, or is none."""
        name = self._links.take(key)
        return name and self._logins.issue(name, self.login_s)

    def by_token(self, token: str) -> str:
        """The same by a token. Raises Unauthorized, and Forbidden for one of a single user."""
        access = self._tokens.access(f"Bearer {token}")
        access.to_everything()
        return self._logins.issue(access.name, self.login_s)

    def visitor(self, login: str) -> str | None:
        """Who has this cookie, by name; None if nobody is in by it."""
        return self._logins.name(login)

    def leave(self, login: str) -> None:
        self._logins.take(login)


class _Passes:
    """Secrets that were given out, by their digest, and until when each is good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given: dict[bytes, tuple[str, float]] = {}
        self._one_at_a_time = threading.Lock()

    def issue(self, name: str, seconds: float) -> str:
        secret, now = secrets.token_urlsafe(32), self._clock()
        with self._one_at_a_time:
            self._given = {key: each for key, each in self._given.items() if each[1] > now}
            self._given[_digest(secret)] = (name, now + seconds)
        return secret

    def name(self, secret: str) -> str | None:
        return self._good(self._given.get(_digest(secret)))

    def take(self, secret: str) -> str | None:
        """The same, and it is good no more."""
        with self._one_at_a_time:
            return self._good(self._given.pop(_digest(secret), None))

    def _good(self, found: tuple[str, float] | None) -> str | None:
        return found[0] if found and found[1] > self._clock() else None


def _digest(secret: str) -> bytes:
    """Looked up by this, so the time of a look-up tells nothing about a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()

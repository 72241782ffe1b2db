"""How the server says no: `application/problem+json` (RFC 9457), which names field and reason and no value.

Problem
├── Malformed         400  a field is missing, of the wrong type or beyond a limit
├── Unauthorized      401  no token, or one that opens nothing here
├── Forbidden         403  not within what the token opens, or from a page of another origin
├── NotFound          404  nothing there, or somebody else's: both look alike
├── MethodNotAllowed  405
├── TooLarge          413
├── NotJson           415
├── WrongHost         421  this server is not known by that name
├── Failed            500  our mistake; the log has its place
├── Unavailable       503  Redis or Tablestore does not do its work, or too many ask at once
└── TooSlow           504  not done within the time that a request has
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
_AGAIN = {"Retry-After": "1"}


class ProblemDetails(msgspec.Struct, rename={"kind": "type"}, omit_defaults=True):
    """The body; `field` and `reason` where a field of the request is meant."""

    kind: str
    title: str
    status: int
    detail: str
    field: str | None = None
    reason: str | None = None


class Problem(Exception):
    """Base of all; callers decide by status, and by `type`, which is named after the class."""

    status: ClassVar[int]
    title: ClassVar[str]
    headers: Mapping[str, str] = {}

    def __init__(self, reason: str, field: str | None = None) -> None:
        self.reason = reason
        self.field = field
        super().__init__(f"{field}: {reason}" if field else reason)

    @property
    def told(self) -> ProblemDetails:
        return ProblemDetails(
            kind=f"urn:tablestore-memory:{type(self).__name__}",
            title=self.title,
            status=self.status,
            detail=str(self),
            field=self.field,
            reason=self.reason if self.field else None,
        )

    def response(self) -> Response:
        body = msgspec.json.encode(self.told)
        return Response(body, self.status, dict(self.headers), media_type=MEDIA_TYPE)


class Malformed(Problem):
    """The request does not keep the contract."""

    status, title = 400, "Malformed"


class Unauthorized(Problem):
    """No token, or one that opens nothing here."""

    status, title = 401, "Unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}

    def __init__(self, reason: str = "say who you are: Authorization: Bearer TOKEN") -> None:
        super().__init__(reason)


class Forbidden(Problem):
    """Not within what the token opens, or not from here."""

    status, title = 403, "Forbidden"


class NotFound(Problem):
    """Nothing there, or not yours."""

    status, title = 404, "Not found"

    def __init__(self, reason: str = "there is no such thing for this token") -> None:
        super().__init__(reason)


class MethodNotAllowed(Problem):
    """The path knows other methods."""

    status, title = 405, "Method not allowed"

    def __init__(self, allowed: Iterable[str]) -> None:
        named = ", ".join(sorted(allowed))
        super().__init__(f"the path knows {named}")
        self.headers = {"Allow": named}


class TooLarge(Problem):
    """The body is longer than a request may be."""

    status, title = 413, "Too large"


class NotJson(Problem):
    """The body says it is something else, as a form of a web page does."""

    status, title = 415, "Not JSON"


class WrongHost(Problem):
    """Asked under a name that is not this server's: a page may have bound its own name to our address."""

    status, title = 421, "Wrong host"


class Failed(Problem):
    """Our mistake."""

    status, title = 500, "Failed"


class Unavailable(Problem):
    """Try again later."""

    status, title = 503, "Unavailable"
    headers = _AGAIN


class TooSlow(Problem):
    """Not done within the time that a request has; it may be done all the same."""

    status, title = 504, "Too slow"
    headers = _AGAIN


def kinds() -> Iterator[type[Problem]]:
    """All of them, by status."""
    yield from sorted(Problem.__subclasses__(), key=lambda kind: kind.status)

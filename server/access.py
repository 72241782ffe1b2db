"""Who may do what: a token opens one user's memories, or those of all users of a tenant."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from tablestore_memory.protocol.events import Id
from tablestore_memory.server.problems import Forbidden, Malformed, NotFound, Unauthorized

_SCHEME = "bearer "


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As it stands in MEMORY_SERVER_TOKENS. Without `user_id` it opens all users, without `tenant` at every server
    that knows it."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")]
    token: Annotated[str, Meta(min_length=16, pattern=r"^[!-~]+$")]
    user_id: Id | None = None
    tenant: str | None = None

    def __repr__(self) -> str:
        return f"Token({self.name})"


@dataclass(frozen=True)
class Access:
    """What a request may do. `name` is the token's, for the audit; `user_id` is None for all users."""

    name: str
    user_id: str | None = None

    def user(self, asked: str | None) -> str:
        """Whose memories a request is about. Raises Malformed, Forbidden."""
        if self.user_id is None:
            if asked is None:
                raise Malformed("missing: this token is for all users", "user_id")
            return asked
        if asked not in (None, self.user_id):
            raise Forbidden("not within this token", "user_id")
        return self.user_id

    def user_of_path(self, asked: str) -> str:
        """The same of a user who stands in the path. Raises NotFound, whether there is such a user or not."""
        if self.user_id not in (None, asked):
            raise NotFound
        return asked

    def to_everything(self) -> None:
        """Raises Forbidden where the token is one user's."""
        if self.user_id is not None:
            raise Forbidden("not for a token of one user")


class Tokens:
    """Those that open something at the server of a tenant."""

    def __init__(self, tokens: Iterable[Token], tenant: str) -> None:
        self._access = [
            (digest(each.token), Access(each.name, each.user_id))
            for each in tokens
            if each.tenant in (None, tenant)
        ]

    def access(self, authorization: str | None) -> Access:
        """What the header `Authorization` opens. Raises Unauthorized.

        Takes as long whatever the token is: each is compared, by its digest and in constant time.
        """
        scheme, token = (authorization or "")[: len(_SCHEME)], (authorization or "")[len(_SCHEME) :]
        given = digest(token.strip())
        found = [access for known, access in self._access if hmac.compare_digest(known, given)]
        if scheme.lower() != _SCHEME:
            raise Unauthorized
        if not found:
            raise Unauthorized("this token opens nothing here")
        return found[0]


def digest(secret: str) -> bytes:
    """Looked up or compared by this, so the time that takes tells nothing about a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()

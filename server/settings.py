"""The settings of a server: the worker's, and its own. Every wrong variable is reported at once, by name."""

import secrets
from collections import Counter
from typing import Annotated

import msgspec
from pydantic import Field, SecretStr, ValidationInfo
from pydantic.functional_validators import AfterValidator

from tablestore_memory.server.access import Token
from tablestore_memory.worker.settings import Positive, Seconds, Secret, Settings

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SHORTEST = 16  # characters; what `secrets` makes has 43


def _long(token: SecretStr) -> SecretStr:
    if len(token.get_secret_value()) < _SHORTEST:
        raise ValueError(f"must have {_SHORTEST} characters or more")
    return token


def _listed(text: SecretStr, info: ValidationInfo) -> SecretStr:
    tokens = [*_tokens(text), *_alone(info.data.get("server_token"))]
    for field in ("name", "token"):
        if max(Counter(getattr(each, field) for each in tokens).values(), default=0) > 1:
            raise ValueError(
                f"must be a list in which no {field} stands twice, nor that of MEMORY_SERVER_TOKEN"
            )
    return text


def _tokens(text: SecretStr) -> list[Token]:
    try:
        return msgspec.json.decode(text.get_secret_value(), type=list[Token])
    except (msgspec.DecodeError, UnicodeError) as error:
        where = str(error).rpartition(" - at `$")[2].rstrip("`") if " - at `$" in str(error) else ""
        raise ValueError(
            f'must be JSON, [{{"name": "app", "token": "16 characters or more", "user_id": "ana"}}]'
            f"{f', and {where} is not' if where else ''}"
        ) from None


def _alone(token: SecretStr | None) -> list[Token]:
    """The one of MEMORY_SERVER_TOKEN."""
    return [Token(name="server", token=token.get_secret_value())] if token else []


def _words(listed: str) -> str:
    if any(not word.isascii() or "/" in word for word in _split(listed)):
        raise ValueError("must be names as memory.example.com:8443, separated by commas")
    return listed


def _origins(listed: str) -> str:
    if not all(
        each.startswith(("http://", "https://")) and each.count("/") == 2 for each in _split(listed)
    ):
        raise ValueError("must be origins as https://app.example.com, separated by commas")
    return listed


def _split(listed: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in listed.split(",") if word.strip())


class ServerSettings(Settings):
    """A worker's settings, and what stands at the door."""

    server_token: Annotated[Secret, AfterValidator(_long)] | None = Field(
        None, alias="MEMORY_SERVER_TOKEN"
    )
    server_tokens: Annotated[SecretStr, AfterValidator(_listed)] | None = Field(
        None, alias="MEMORY_SERVER_TOKENS"
    )
    server_hosts: Annotated[str, AfterValidator(_words)] = Field("", alias="MEMORY_SERVER_HOSTS")
    server_origins: Annotated[str, AfterValidator(_origins)] = Field(
        "", alias="MEMORY_SERVER_ORIGINS"
    )
    server_body_bytes: Positive = Field(4_194_304, alias="MEMORY_SERVER_BODY_BYTES")
    server_timeout_s: Seconds = Field(30, alias="MEMORY_SERVER_TIMEOUT_S")
    server_requests: Positive = Field(64, alias="MEMORY_SERVER_REQUESTS")
    # How long a login link waits to be opened, and how long one stays in.
    page_link_s: Seconds = Field(600, alias="MEMORY_PAGE_LINK_S")
    page_login_s: Seconds = Field(43_200, alias="MEMORY_PAGE_LOGIN_S")
    page_read_only: bool = Field(False, alias="MEMORY_PAGE_READ_ONLY")

    @property
    def tokens(self) -> list[Token]:
        """All that were given."""
        listed = _tokens(self.server_tokens) if self.server_tokens else []
        return [*_alone(self.server_token), *listed]

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names by which the server may be asked beside its own machine's; one without a port is good for any."""
        return (*LOOPBACK, *_split(self.server_hosts))

    @property
    def origins(self) -> tuple[str, ...]:
        """Of pages elsewhere that may ask."""
        return _split(self.server_origins)


def made_up_token() -> Token:
    """One for all users, where none was given."""
    return Token(name="server", token=secrets.token_urlsafe(32))

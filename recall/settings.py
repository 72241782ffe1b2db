"""The settings of a recall: explicit, or from the environment. What a worker has too is named as there.

All that is wrong is reported at once, by name, and never by what it is.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Required, Self, TypedDict
from urllib.parse import urlsplit

from tablestore_memory.protocol.redis_urls import RedisUrl

VARIABLES = {
    "tablestore_endpoint": "TABLESTORE_ENDPOINT",
    "tablestore_instance": "TABLESTORE_INSTANCE_NAME",
    "tablestore_key_id": "TABLESTORE_ACCESS_KEY_ID",
    "tablestore_key_secret": "TABLESTORE_ACCESS_KEY_SECRET",
    "tablestore_sts_token": "TABLESTORE_STS_TOKEN",
    "tablestore_region": "TABLESTORE_REGION",
    "dashscope_api_key": "DASHSCOPE_API_KEY",
    "dashscope_url": "DASHSCOPE_HTTP_BASE_URL",
    "embedding_model": "MEMORY_EMBEDDING_MODEL",
    "embedding_dimension": "MEMORY_EMBEDDING_DIMENSION",
    "redis_url": "REDIS_URL",
    "prefix": "MEMORY_PREFIX",
    "session_table": "MEMORY_SESSION_TABLE",
    "message_table": "MEMORY_MESSAGE_TABLE",
    "memory_table": "MEMORY_MEMORY_TABLE",
    "history_table": "MEMORY_HISTORY_TABLE",
    "tenant": "MEMORY_TENANT",
    "deadline_s": "MEMORY_RECALL_DEADLINE_S",
    "rerank_model": "MEMORY_RERANK_MODEL",
}
"""The environment variable of each setting."""


class BadSettings(ValueError):
    """One or more settings are missing or wrong; `problems` has a line for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("wrong settings: " + "; ".join(problems))


class Options(TypedDict, total=False):
    """The settings as keyword arguments."""

    tablestore_endpoint: Required[str]
    tablestore_instance: Required[str]
    tablestore_key_id: Required[str]
    tablestore_key_secret: Required[str]
    tablestore_sts_token: str | None
    tablestore_region: str | None
    dashscope_api_key: str | None
    dashscope_url: str
    embedding_model: str
    embedding_dimension: int
    redis_url: str | None
    prefix: str
    session_table: str
    message_table: str
    memory_table: str
    history_table: str
    tenant: str
    deadline_s: float
    rerank_model: str | None


@dataclass(frozen=True, slots=True)
class RecallSettings:
    """Where what is remembered stands. Without `dashscope_api_key` it is found by words alone, without `redis_url`
    facts are found once the search index shows them, without `rerank_model` nothing is reranked."""

    tablestore_endpoint: str
    tablestore_instance: str
    tablestore_key_id: str
    tablestore_key_secret: str = field(repr=False)
    tablestore_sts_token: str | None = field(default=None, repr=False)
    tablestore_region: str | None = None
    dashscope_api_key: str | None = field(default=None, repr=False)
    dashscope_url: str = "https://dashscope.aliyuncs.com/api/v1"
    embedding_model: str = "text-embedding-v4"
    embedding_dimension: int = 1536
    redis_url: str | None = field(default=None, repr=False)
    prefix: str = "memory"
    session_table: str = "agentscope_runtime_session"
    message_table: str = "agentscope_runtime_message"
    memory_table: str = "agentscope_runtime_memory"
    history_table: str = "agentscope_runtime_memory_history"
    tenant: str = "__default"
    deadline_s: float = 0.5
    """A person who waits for an answer hardly notices half a second."""
    rerank_model: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Self:
        """From values by setting, each a text or of its type. Raises BadSettings, which calls them by `names`."""
        values: dict[str, Any] = {}
        problems: list[str] = []
        for name in given.keys() - VARIABLES.keys():
            raise TypeError(f"unknown setting: {name}")
        for setting in fields(cls):
            value = given.get(setting.name)
            called = (names or {}).get(setting.name, setting.name)
            if value is None:
                if setting.name in Options.__required_keys__:
                    problems.append(f"{called}: is missing")
                continue
            try:
                values[setting.name] = _CHECKS.get(setting.name, _word)(value)
            except ValueError as error:
                problems.append(f"{called}: {error}")
        if problems:
            raise BadSettings(problems)
        return cls(**values)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """From the environment; an empty variable counts as unset. Raises BadSettings, which names variables."""
        return cls.of(dict(_stated(environ)), VARIABLES)


def _stated(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, variable in VARIABLES.items():
        if text := environ.get(variable, "").strip():
            yield name, text


def _word(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be printable ASCII without spaces")
    return value


def _url(value: object) -> str:
    parts = urlsplit(_word(value))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("must be an address that begins with http:// or https://, without a user")
    return str(value).rstrip("/")


def _redis_url(value: object) -> str:
    RedisUrl.parse(_word(value))
    return str(value)


def _dimension(value: object) -> int:
    number = _number(value)
    if not 1 <= number < math.inf or number % 1:
        raise ValueError("must be a whole number from 1 on")
    return int(number)


def _seconds(value: object) -> float:
    number = _number(value)
    if not 0 < number < math.inf:
        raise ValueError("must be a positive number of seconds")
    return number


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float | str) else math.nan
    except ValueError:  # which quotes it
        return math.nan


_CHECKS: dict[str, Callable[[object], Any]] = {
    "tablestore_endpoint": _url,
    "dashscope_url": _url,
    "redis_url": _redis_url,
    "embedding_dimension": _dimension,
    "deadline_s": _seconds,
}

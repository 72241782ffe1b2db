"""The services for a command. What keeps one from its work ends the command with a line that says what to do.

Advice follows from the class of an error and the service that was asked.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.worker.cli.output import UNREACHABLE, WRONG, fail
from tablestore_memory.worker.failures.errors import (
    BadCredentials,
    ContentRefused,
    InvalidRow,
    PaymentRequired,
    ResourceMissing,
    Retryable,
    Unavailable,
    UnusableReply,
    WorkerError,
)
from tablestore_memory.worker.operations.places import place_of
from tablestore_memory.worker.qwen.rate_limit import Unlimited
from tablestore_memory.worker.services import RedisServices, Services
from tablestore_memory.worker.settings import RedisSettings, Settings, SettingsError
from tablestore_memory.worker.telemetry import configure_logging

S = TypeVar("S", bound=RedisSettings)
Advice = dict[type[WorkerError], str]

_AGAIN: Advice = {
    PaymentRequired: "the account is in arrears, or its quota is used up",
    Retryable: "try again in a moment",
}
_MODEL = "check MEMORY_EMBEDDING_MODEL and MEMORY_EMBEDDING_DIMENSION"


@contextmanager
def redis_alone() -> Iterator[RedisServices]:
    """For what stands in Redis; no other service is asked, and no setting of one is needed."""
    settings = settings_of(RedisSettings)
    with redis_answering(settings.redis_url):
        yield RedisServices(settings)


@contextmanager
def opened() -> Iterator[Services]:
    """All services, each connected to when it is first asked."""
    settings = settings_of(Settings)
    advice: Advice = {
        Unavailable: f"the address is {place_of(settings.tablestore_endpoint)}, check TABLESTORE_ENDPOINT",
        BadCredentials: "check the access key: TABLESTORE_ACCESS_KEY_ID, TABLESTORE_ACCESS_KEY_SECRET",
        ResourceMissing: "run `memory-worker init` to make tables and indexes, or check "
        "TABLESTORE_INSTANCE_NAME and the names of the tables",
        **_AGAIN,
        WorkerError: "`memory-worker doctor` looks at everything",
    }
    with redis_answering(settings.redis_url), _advised(advice):
        yield Services(settings, limiter=Unlimited())


@contextmanager
def asking_qwen(settings: Settings) -> Iterator[None]:
    """For calls to Qwen."""
    with _advised(
        {
            Unavailable: f"the address is {place_of(settings.dashscope_url)}, "
            "check DASHSCOPE_HTTP_BASE_URL",
            BadCredentials: "check DASHSCOPE_API_KEY",
            ResourceMissing: _MODEL,
            UnusableReply: _MODEL,
            ContentRefused: "its content inspection refused the text",
            **_AGAIN,
        }
    ):
        yield


@contextmanager
def searching() -> Iterator[None]:
    """For a search by vector: only its dimension can be refused."""
    with _advised({InvalidRow: f"{_MODEL}: the index was made for another dimension"}):
        yield


@contextmanager
def redis_answering(url: str) -> Iterator[None]:
    try:
        yield
    except REDIS_ERRORS as error:
        reason = str(error).partition(" : ")[0]  # then Sentinel's client, as it prints itself
        fail(
            UNREACHABLE,
            f"Redis at {place_of(url)} does not do its work: {reason} "
            "(check REDIS_URL, or start everything on this machine with `make up`)",
        )


@contextmanager
def _advised(advice: Advice) -> Iterator[None]:
    """End the command with the first advice that fits the error; one without is for who stands around this."""
    try:
        yield
    except WorkerError as error:
        known = [told for kind, told in advice.items() if isinstance(error, kind)]
        if not known:
            raise
        fail(UNREACHABLE, f"{error} ({known[0]})")


def settings_of(kind: type[S]) -> S:
    """Those of the environment; where they are wrong the command ends."""
    configure_logging("WARNING", "console")
    try:
        return kind.from_env(os.environ)
    except SettingsError as error:
        problems = "; ".join(error.problems)
        fail(WRONG, f"wrong settings: {problems}; .env.example says what each of them means")

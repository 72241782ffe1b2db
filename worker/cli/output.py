"""How the command line answers: tables for people, JSON for machines, errors as one clear line.

Exit codes: 0 done, 2 wrong input or settings, 3 a service does not answer, 4 not done in time.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import msgspec
import typer
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tablestore_memory.worker.errors import NotSetUp, WorkerError
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.settings import Settings, SettingsError
from tablestore_memory.worker.telemetry import configure_logging

WRONG, UNREACHABLE, LATE = 2, 3, 4

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
out = Console()
err = Console(stderr=True)


def fail(code: int, message: str) -> NoReturn:
    """Say why in plain text, without wrapping, and end with `code`."""
    print(f"memory-worker: {message}", file=sys.stderr)
    raise typer.Exit(code)


@contextmanager
def opened() -> Iterator[Services]:
    """The services for a command. Missing settings and services that fail end it with a clear line."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        fail(WRONG, f"{error}\nSee .env.example for what each of them means.")
    configure_logging("WARNING", "console")
    with reachable(settings):
        yield Services(settings)


@contextmanager
def reachable(settings: Settings) -> Iterator[None]:
    """Turn what a service could not do into: which one, at what address, what to do."""
    try:
        yield
    except (RedisError, OSError) as error:
        redis_unreachable(settings.redis_url, error)
    except NotSetUp as error:
        fail(UNREACHABLE, f"{error}\nRun `memory-worker init` to make tables and indexes.")
    except WorkerError as error:
        address, names = (
            (settings.dashscope_url, "DASHSCOPE_HTTP_BASE_URL, DASHSCOPE_API_KEY and MEMORY_MODEL")
            if str(error).startswith("Qwen")
            else (settings.tablestore_endpoint, "TABLESTORE_ENDPOINT and the access key")
        )
        fail(UNREACHABLE, f"{error}\nThe address is {address}. Check {names}.")


def redis_unreachable(url: str, error: Exception) -> NoReturn:
    # Without user and password.
    address = url.rsplit("@", 1)[-1].removeprefix("redis://").removeprefix("rediss://")
    fail(
        UNREACHABLE,
        f"Redis at {address} does not do its work: {error}\n"
        "Check REDIS_URL, or start everything locally with `make up`.",
    )


def print_json(value: object) -> None:
    """One JSON document on standard output, in UTF-8."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(title=title, title_justify="left", row_styles=["", "dim"])
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    out.print(table)


def iso(micros: int) -> str | None:
    """A stamp in µs as ISO 8601 in UTC; None for none."""
    if not micros:
        return None
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="milliseconds")


def minute(micros: int) -> str:
    """A stamp in µs for a table."""
    return datetime.fromtimestamp(micros / 1e6, UTC).strftime("%Y-%m-%d %H:%M") if micros else ""

"""How the command line answers: tables for people, JSON for machines, errors as one line.

Nothing of what users said or named reaches a terminal as a command to it. Exit codes: 0 done, 1 declined,
2 wrong input or settings, 3 a service does not do its work, 4 not done in time.
"""

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tablestore_memory.worker.stores.columns import moment
from tablestore_memory.worker.telemetry import C1, JSON_CONTROLS

DECLINED, WRONG, UNREACHABLE, LATE = 1, 2, 3, 4

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
out = Console()
err = Console(stderr=True)

# The control characters, C0 and C1: they move the cursor, clear the screen, write to the clipboard. A tab
# and the end of a line are text.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *C1) if chr(code) not in "\t\n"}


def printable(text: str) -> str:
    """The text with its control characters as people write them."""
    return text.translate(_CONTROLS)


def say(text: str) -> None:
    """Print to standard output, as it stands."""
    out.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """Print to standard error, as it stands: how it went, not what was asked for."""
    err.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def fail(code: int, message: str) -> NoReturn:
    """Say why on one line, and end with `code`."""
    print(f"memory-worker: {printable(' '.join(message.split()))}", file=sys.stderr)
    raise typer.Exit(code)


def ask(question: str, *, yes: bool) -> None:
    """Go on if the person at the terminal agrees; where nobody is, only `--yes` agrees."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(WRONG, f"{question} Nobody is there to answer: say --yes")
    if not typer.confirm(printable(question), err=True):
        fail(DECLINED, "nothing was done")


def counted(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def print_json(value: object) -> None:
    """One JSON document on standard output, in UTF-8."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    print(text.translate(JSON_CONTROLS))


def one_line(value: object) -> str:
    """A JSON document as a line of many."""
    return msgspec.json.encode(value).decode().translate(JSON_CONTROLS)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    out.print(table_of(title, columns, rows))


def table_of(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    table = Table(title=Text(printable(title)), title_justify="left", row_styles=["", "dim"])
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    return table


def minute(micros: int) -> str:
    """A stamp in µs for a table."""
    return f"{moment(micros):%Y-%m-%d %H:%M}" if micros else ""

"""Tables in this project's documents, row by row."""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def table(document: str, first_column: str) -> list[list[str]]:
    """The rows of the table whose head begins with this column, cell by cell."""
    lines = iter((DOCS / document).read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith(f"| {first_column} |"):
            next(lines)  # what stands under the head
            return _rows(lines)
    raise AssertionError(f"{document} has no table with the column {first_column!r}")


def _rows(lines: Iterator[str]) -> list[list[str]]:
    rows = takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|"))] for row in rows]


def words_in_code(cell: str) -> list[str]:
    """What stands between back ticks, in order."""
    return re.findall(r"`([^`]+)`", cell)

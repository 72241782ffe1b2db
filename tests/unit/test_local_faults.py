"""Faults of the stand-ins: which of them strikes, and that the documentation has them all."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tablestore_memory.localcloud.dashscope import faults as dashscope
from tablestore_memory.localcloud.faults import BadFault, Faults, Repertoire
from tablestore_memory.localcloud.tablestore import faults as tablestore

DOCUMENT = Path(__file__).parents[2] / "docs" / "local-faults.md"


@pytest.fixture
def faults() -> Faults:
    return Faults(
        Repertoire(("error", "latency", "lag"), ("Put", "Get"), ("Busy", "Gone"), "Busy", ("lag",))
    )


def add(faults: Faults, kind: str, **fields: Any) -> None:
    faults.add(json.dumps({"kind": kind, **fields}).encode())


def struck(faults: Faults, operation: str = "Put", request: bytes = b"") -> str | None:
    """The kind and code of what happens to a request."""
    fault = faults.strike(operation, request)
    return None if fault is None else f"{fault.kind} {fault.code}"


def test_first_that_strikes_is_what_happens(faults: Faults) -> None:
    add(faults, "error", operation="Get")
    add(faults, "error", code="Gone", times=2)
    add(faults, "latency")

    happened = [struck(faults) for _ in range(3)]

    assert happened == ["error Gone", "error Gone", "latency Busy"]
    assert [fault["happened"] for fault in faults.as_json()] == [0, 2, 1]


def test_fault_keeps_to_requests_with_its_text(faults: Faults) -> None:
    add(faults, "error", match="绿茶")

    assert struck(faults, request="a cup of 绿茶".encode())
    assert not struck(faults, request="a cup of 红茶".encode())


def test_unlikely_fault_happens_sometimes(faults: Faults) -> None:
    add(faults, "error", probability=0.5)

    happened = {struck(faults) for _ in range(200)}

    assert happened == {None, "error Busy"}


def test_standing_fault_strikes_no_request(faults: Faults) -> None:
    add(faults, "lag", seconds=[1, 3])

    assert struck(faults) is None
    assert [fault.span_s() for fault in faults.standing("lag")] == [(1, 3)]


def test_one_number_of_seconds_is_from_and_to(faults: Faults) -> None:
    add(faults, "lag", seconds=2)

    assert faults.standing("lag")[0].span_s() == (2, 2)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "flood"}, "kind must be one of error, latency, lag"),
        ({"kind": "error", "operation": "Push"}, r"operation must be one of \*, Put, Get"),
        ({"kind": "error", "code": "Lazy"}, "code must be one of Busy, Gone"),
        ({"kind": "error", "count": 3}, "unknown field `count`"),
        ({"kind": "error", "times": 0}, r"\$.times"),
        ({"kind": "error", "seconds": [1, 2, 3]}, r"\$.seconds"),
        ({"kind": "error", "seconds": [3, 1]}, r"\[from, to\]"),
        ({"kind": "error", "seconds": -1}, "from 0 on"),
        ({}, "kind"),
    ],
)
def test_what_is_no_fault_is_refused_with_its_reason(
    faults: Faults, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadFault, match=reason):
        faults.add(json.dumps(fields).encode())

    assert faults.as_json() == []


def documented(section: str) -> list[tuple[str, ...]]:
    """The rows of the tables in a section of the page, without the marks of code."""
    text = DOCUMENT.read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*) \|$", text, re.MULTILINE)
    return [tuple(cell.strip() for cell in row.replace("`", "").split(" | ")) for row in rows]


def plain(table: dict[str, str]) -> list[tuple[str, ...]]:
    return [(kind, meaning.replace("`", "")) for kind, meaning in table.items()]


def test_documentation_has_every_fault() -> None:
    errors = [(e.code, str(e.status), e.message) for e in dashscope.ERRORS.values()]

    assert documented("Of the local Tablestore") == plain(tablestore.KINDS)
    assert documented("Of the local DashScope") == [*plain(dashscope.KINDS), *errors]

"""The document that describes the server: valid, whole, and of the same types that validate."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tablestore_memory.protocol.events import KINDS
from tablestore_memory.server.api.openapi import document
from tablestore_memory.server.api.table import OPERATIONS
from tablestore_memory.server.problems import kinds
from tests.documents import table, words_in_code


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(document()))
    return told


def test_document_is_valid_openapi_3_1(described: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


def test_every_operation_is_described(described: dict[str, Any]) -> None:
    told = {
        (method.upper(), path) for path, methods in described["paths"].items() for method in methods
    }

    assert told == {(each.method, each.path) for each in OPERATIONS} | {("GET", "/health")}


def test_every_parameter_of_a_path_is_described(described: dict[str, Any]) -> None:
    for path, methods in described["paths"].items():
        for told in methods.values():
            named = {p["name"] for p in told.get("parameters", []) if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


@pytest.mark.parametrize(
    ("event", "fits"),
    [
        ({"type": "message", "session_id": "s", "role": "user", "content": "hi"}, True),
        ({"type": "message", "session_id": "s", "role": "usr", "content": "hi"}, False),
        ({"type": "message", "session_id": "s", "role": "user", "contents": "hi"}, False),
        ({"type": "remember", "text": "hi", "created_at": "2023-05-08T13:00:00Z"}, True),
        ({"type": "session_end"}, False),
    ],
)
def test_events_are_described_as_they_may_be_sent(
    described: dict[str, Any], event: dict[str, Any], fits: bool
) -> None:
    schema = {"$ref": "#/components/schemas/Event", "components": described["components"]}

    assert Draft202012Validator(schema).is_valid(event) is fits


def test_every_kind_of_event_is_described(described: dict[str, Any]) -> None:
    event = described["components"]["schemas"]["Event"]

    assert event["discriminator"]["mapping"].keys() == KINDS.keys()


def test_kinds_of_a_recall_are_described_as_they_may_be_asked_for(
    described: dict[str, Any],
) -> None:
    schema = {
        "$ref": "#/components/schemas/Question",
        "components": described["components"],
    }
    asked = Draft202012Validator(schema)

    assert asked.is_valid({"query": "tea", "kinds": ["event", "document"]})
    assert not asked.is_valid({"query": "tea", "kinds": ["events"]})


def test_documented_operations_are_those_there_are() -> None:
    documented = [words_in_code(row[0])[0] for row in table("server.md", "operation")]

    assert documented == [
        *(f"{each.method} {each.path}" for each in OPERATIONS),
        *("GET /openapi.json", "GET /health", "POST /mcp", "GET /"),
    ]


def test_documented_problems_are_those_there_are() -> None:
    documented = [(row[0].strip("`"), int(row[1])) for row in table("server.md", "problem")]

    assert documented == [(kind.__name__, kind.status) for kind in kinds()]

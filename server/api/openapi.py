"""The OpenAPI document, written of the types that validate: `shapes`, recall's, and the protocol's events."""

import inspect
import json
import re
from functools import cache
from typing import Any

import msgspec

from tablestore_memory import __version__
from tablestore_memory.protocol.schema import event_schema
from tablestore_memory.server.api.shapes import Draft, Health, Nothing
from tablestore_memory.server.api.table import OPERATIONS, Operation
from tablestore_memory.server.problems import MEDIA_TYPE, ProblemDetails, kinds

_REF = "#/components/schemas/{name}"
_FILLED_IN = {"event_id", "created_at", "message_id"}
_MOMENT = {
    "description": "ISO 8601 with its zone, or microseconds since 1970-01-01, UTC",
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}],
}
Schema = dict[str, Any]


@cache
def document() -> Schema:
    """OpenAPI 3.1."""
    types = [
        each for o in OPERATIONS for each in (o.parameters, o.answer, o.body) if _is_type(each)
    ]
    _, schemas = msgspec.json.schema_components([*types, ProblemDetails, Health], ref_template=_REF)
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        told = _operation(operation, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = told
    paths["/health"] = {"get": _health()}
    used = schemas.keys() - {o.parameters.__name__ for o in OPERATIONS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tablestore-memory-worker",
            "version": __version__,
            "description": "Memory of AI agents: publish what was said, ask what is known.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {name: schemas[name] for name in sorted(used)} | _drafts(),
            "responses": {kind.__name__: _problem(kind.title) for kind in kinds()},
        },
    }


def _operation(operation: Operation, schemas: dict[str, Schema]) -> Schema:
    summary, _, more = inspect.cleandoc(operation.function.__doc__ or "").partition("\n\n")
    told: Schema = {
        "operationId": operation.name,
        "summary": summary,
        "parameters": _parameters(operation, schemas),
        "responses": {str(operation.status): _answer(operation)} | _problems(),
    }
    if more:
        told["description"] = more
    if operation.body is not None:
        told["requestBody"] = {"required": True, "content": _json(_body(operation.body))}
    return told


def _parameters(operation: Operation, schemas: dict[str, Schema]) -> list[Schema]:
    if operation.parameters is Nothing:
        return []
    schema = schemas[operation.parameters.__name__]
    in_path = set(re.findall(r"{(\w+)}", operation.path))
    return [
        {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in schema["required"],
            "schema": each,
        }
        for name, each in schema["properties"].items()
    ]


def _answer(operation: Operation) -> Schema:
    """An answer of the function's own is a text."""
    if isinstance(operation.answer, str):
        return {
            "description": "Done",
            "content": {operation.answer: {"schema": {"type": "string"}}},
        }
    return {"description": "Done", "content": _json(_ref(operation.answer.__name__))}


def _body(body: Any) -> Schema:
    if body == Draft | list[Draft]:
        return {
            "anyOf": [_ref("Event"), {"type": "array", "items": _ref("Event"), "maxItems": 1000}]
        }
    return _ref(body.__name__)


def _drafts() -> dict[str, Schema]:
    """The protocol's events as they may be sent: the server fills in ids, stamps, and the user of a token."""
    text = json.dumps(event_schema()).replace("#/$defs/", "#/components/schemas/")
    schema = json.loads(text)
    drafts: dict[str, Schema] = schema["$defs"]
    for mapped in schema["discriminator"]["mapping"].values():
        draft = drafts[mapped.rpartition("/")[2]]
        draft["required"] = [n for n in draft["required"] if n not in _FILLED_IN | {"user_id"}]
        draft["properties"]["created_at"] = _MOMENT
        draft["additionalProperties"] = False
    event = {key: schema[key] for key in ("anyOf", "discriminator")}
    return drafts | {"Event": event}


def _problems() -> Schema:
    """Any operation may answer with any of them."""
    return {
        str(kind.status): {"$ref": f"#/components/responses/{kind.__name__}"} for kind in kinds()
    }


def _problem(title: str) -> Schema:
    return {"description": title, "content": {MEDIA_TYPE: {"schema": _ref("ProblemDetails")}}}


def _health() -> Schema:
    responses = {"200": {"description": "Healthy", "content": _json(_ref("Health"))}}
    told = {"operationId": "health", "summary": "Whether Redis answers", "security": []}
    return told | {"responses": responses | {"503": {"$ref": "#/components/responses/Unavailable"}}}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> Schema:
    return {"$ref": _REF.format(name=name)}


def _is_type(each: object) -> bool:
    return isinstance(each, type)

"""The events as JSON Schema: `python -m tablestore_memory.protocol.schema > docs/events.schema.json` writes it.

Beyond what a schema can say: ids are at most 1024 bytes, an event 256 KiB, nothing is nested more than 64
deep, no text holds a NUL.
"""

import json
from typing import Any

import msgspec

from tablestore_memory.protocol.events import Document, Event

_PART = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"type": "string", "minLength": 1, "maxLength": 128}},
    "if": {"properties": {"type": {"const": "text"}}},
    "then": {"properties": {"text": {"type": ["string", "null"]}}},
}


def event_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one event as it stands in a stream."""
    schema = msgspec.json.schema(Event)
    kinds = schema["$defs"]
    kinds |= msgspec.json.schema(Document)["$defs"] | {"Part": _PART}
    for kind in ("Message", "Document"):
        for content in kinds[kind]["properties"]["content"]["anyOf"]:
            if content["type"] == "array":
                content["items"] = {"$ref": "#/$defs/Part"}
    kinds["Remember"]["properties"]["document"]["anyOf"] = [
        {"type": "null"},
        {"$ref": "#/$defs/Document"},
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Memory event, version 1",
        **schema,
    }


if __name__ == "__main__":
    print(json.dumps(event_schema(), indent=2))  # noqa: T201 - what it is for

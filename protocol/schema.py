"""The events as JSON Schema: `python -m tablestore_memory.protocol.schema > docs/events.schema.json` writes it.

Beyond what a schema can say: ids are at most 1024 bytes, an event 256 KiB, no text holds a NUL.
"""

import json
from typing import Any

import msgspec

from tablestore_memory.protocol.events import PART_TYPES, Event


def event_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one event as it stands in a stream."""
    schema = msgspec.json.schema(Event)
    parts = schema["$defs"]["Message"]["properties"]["content"]["anyOf"][-1]
    parts["items"] = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": sorted(PART_TYPES)}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Memory event, version 1",
        **schema,
    }


if __name__ == "__main__":
    print(json.dumps(event_schema(), indent=2))  # noqa: T201 - what it is for

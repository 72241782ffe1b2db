"""The settings that this server was given, without secrets."""

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from starlette.responses import Response

from tablestore_memory.server.page.rendering import render
from tablestore_memory.server.page.visit import Visit
from tablestore_memory.server.settings import ServerSettings
from tablestore_memory.worker.operations.places import place_of

# No secret by itself, and half of one.
_MASKED = ("tablestore_key_id",)


@dataclass(frozen=True, slots=True)
class Told:
    variable: str
    value: str
    is_default: bool


def settings(visit: Visit) -> Response:
    return render(visit, "settings.html", every=told(visit.connections.settings))


def told(given: ServerSettings) -> list[Told]:
    """Every variable: its value, or of a secret only that it is set."""
    return [
        Told(str(field.alias), _shown(name, field, value), value == field.default)
        for name, field in ServerSettings.model_fields.items()
        for value in [getattr(given, name)]
    ]


def _shown(name: str, field: FieldInfo, value: Any) -> str:
    if value in (None, ""):
        return "not set"
    if isinstance(value, SecretStr) or name in _MASKED:
        return "set"
    return place_of(value) if not field.repr else str(value)

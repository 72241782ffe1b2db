"""The keys in Redis as `worker/state/keys.py` has them, as rows of a table and as patterns for real names."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import state_streams

PLACEHOLDERS = {
    "partition": 3,
    "user_id": "USER",
    "session_id": "SESSION",
    "request_hash": "HASH",
    "task": "TASK",
    "model": "MODEL",
    "process": "PROCESS",
    "day": "DATE",
    "name": "NAME",
}
_UNITS = (("day", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One kind of key."""

    name: str
    kind: str
    kept_ms: int | None
    meaning: str

    @property
    def kept(self) -> str:
        """As it is documented."""
        if self.kept_ms is None:
            return "–"
        unit, size_ms = next(each for each in _UNITS if self.kept_ms % each[1] == 0)
        number = self.kept_ms // size_ms
        return f"{number} {unit}{'s' if unit == 'day' and number > 1 else ''}"

    def matches(self, name: str) -> bool:
        """Whether a real name, with its prefix replaced by `memory`, may be one of these."""
        pattern = re.escape(self.name).replace(r"\{3\}", r"\{\d+\}")
        for placeholder in map(str, PLACEHOLDERS.values()):
            if placeholder != "3":
                pattern = pattern.replace(placeholder, ".+")
        return re.fullmatch(pattern, name, re.DOTALL) is not None


def key_rows(prefix: str = "memory") -> Iterator[KeyRow]:
    """All kinds, in the order in which they are written down."""
    for name, method in vars(Keys).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            yield _row(method, prefix)


def _row(method: Any, prefix: str) -> KeyRow:
    given = [PLACEHOLDERS[each] for each in list(inspect.signature(method).parameters)[1:]]
    named: str = method(Keys(state_streams(prefix)), *given)
    kind, *kept = get_type_hints(method, include_extras=True)["return"].__metadata__
    return KeyRow(
        name=re.sub(r"\{\d+\}", "{3}", named),
        kind=kind,
        kept_ms=kept[0].at_most_ms if kept else None,
        meaning=" ".join((method.__doc__ or "").split()).removesuffix("."),
    )

"""The form of an entry in the catalogue: a metric, and which log events feed it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["counter", "histogram", "gauge"]


@dataclass(frozen=True, slots=True)
class Feed:
    """What one log event adds: its field `amount` in `unit`s of the metric's own, or one.

    A label has the value of a field (`by`) or a fixed one. Where the field `each` is there, it maps values of the
    one label that is left to amounts.
    """

    event: str
    amount: str = ""
    unit: float = 1
    by: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    each: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """`labels` have few values, all from the code or the settings: never a user, a session or a text."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    feeds: tuple[Feed, ...] = ()
    buckets: tuple[float, ...] = ()

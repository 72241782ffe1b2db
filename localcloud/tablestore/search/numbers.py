"""Values of LONG, DOUBLE, BOOLEAN (0 and 1) and DATE (microseconds) fields, in columns."""

from array import array
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from tablestore_memory.localcloud.tablestore.search import arrays


class Numbers:
    """Which documents hold which numbers: one pair for each value."""

    def __init__(self, *, real: bool) -> None:
        self._holders: array[int] = array("I")
        self._values: array[float] | array[int] = array("d") if real else array("q")

    def add(self, ordinal: int, values: Sequence[float]) -> None:
        for value in values:
            self._holders.append(ordinal)
            self._values.append(value)  # type: ignore[arg-type]  # ints go to the array of ints

    def holders(self) -> arrays.Ordinals:
        """Documents that have the field; once for each of their values."""
        return arrays.ordinals(self._holders)

    def values(self) -> NDArray[Any]:
        """The values, in the order of `holders`: int64, or float64 of a DOUBLE field."""
        return arrays.copied(self._values)

    def documents(self, value: float) -> arrays.Ordinals:
        found: arrays.Ordinals = self.holders()[self.values() == value]
        return found

    def move(self, moves: arrays.Moves) -> None:
        self._holders, kept = arrays.moved(self._holders, moves)
        self._values = array(self._values.typecode, self.values()[kept].tobytes())

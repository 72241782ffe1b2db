"""VECTOR fields: float32 rows in blocks, and how near each is to a query's vector.

The neighbours are exact; the service's are approximate. Scores follow the formulas of Lucene, which
put every metric into positive numbers where more is nearer (docs/decisions/search-index.md).
"""

from array import array
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.search import arrays

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]
_BLOCK_BYTES = 4 * 1024 * 1024
_FLOATS = msgspec.json.Decoder(
    list[float]
)  # ten times as fast as json, on what is most of the work


class Vectors:
    """The vectors of one field."""

    def __init__(self, dimension: int, metric: int) -> None:
        self.dimension = dimension
        self._metric = _METRICS[metric]
        self._holders: array[int] = array("I")
        self._block_rows = max(_BLOCK_BYTES // (4 * dimension), 1)
        self._blocks: list[Matrix] = []

    def add(self, ordinal: int, values: Sequence[Matrix]) -> None:
        row = len(self._holders)
        if row % self._block_rows == 0:
            self._blocks.append(np.zeros((self._block_rows, self.dimension), dtype=np.float32))
        self._blocks[-1][row % self._block_rows] = self._metric.stored(values[0])
        self._holders.append(ordinal)

    def holders(self) -> arrays.Ordinals:
        """Documents that have a vector."""
        return arrays.ordinals(self._holders)

    def nearness(self, query: Matrix, allowed: arrays.Mask) -> tuple[arrays.Ordinals, Floats]:
        """The documents among the allowed that have a vector, and the score of each."""
        holders, query = self.holders(), self._metric.stored(query)
        rows = np.flatnonzero(allowed[holders])
        scores = np.empty(len(rows), dtype=np.float64)
        starts = np.arange(len(self._blocks) + 1) * self._block_rows
        bounds = np.searchsorted(rows, starts).tolist()
        for block, first, start, end in zip(self._blocks, starts, bounds, bounds[1:], strict=False):
            if start < end:
                places = rows[start:end] - first
                scores[start:end] = self._nearness(block, places, query)
        return holders[rows], scores

    def _nearness(self, block: Matrix, places: Any, query: Matrix) -> Floats:
        """Of these rows of a block. To copy out many of them would cost more than to look at all."""
        if len(places) * 4 > len(block):
            scores: Floats = self._metric.nearness(block, query)[places]
            return scores
        return self._metric.nearness(block[places], query)

    def move(self, moves: arrays.Moves) -> None:
        old_blocks, (holders, kept) = self._blocks, arrays.moved(self._holders, moves)
        self._holders, self._blocks = array("I"), []
        for ordinal, row in zip(holders, np.flatnonzero(kept), strict=True):
            block, place = divmod(row, self._block_rows)
            self.add(ordinal, [old_blocks[block][place]])


def parse(value: Value, dimension: int) -> Matrix | None:
    """The vector in a column: a JSON array of `dimension` finite numbers; None if it is not one."""
    if not isinstance(value, str):
        return None
    try:
        vector = np.array(_FLOATS.decode(value), dtype=np.float32)
    except msgspec.DecodeError:
        return None
    fits = vector.shape == (dimension,) and bool(np.isfinite(vector).all())
    return vector if fits else None


def _unit(vector: Matrix) -> Matrix:
    """The vector with length 1; one of length 0 stays, at right angles to every other."""
    wide = vector.astype(np.float64)  # the squares of float32 need not fit one
    length = np.linalg.norm(wide)
    unit: Matrix = (wide / length).astype(np.float32) if length > 0 else vector
    return unit


def _as_is(vector: Matrix) -> Matrix:
    return vector


def _cosine(units: Matrix, unit: Matrix) -> Floats:
    cosines = (units @ unit).astype(np.float64)
    result: Floats = (1 + np.clip(cosines, -1, 1)) / 2
    return result


def _dot_product(rows: Matrix, query: Matrix) -> Floats:
    dots = (rows @ query).astype(np.float64)
    return np.where(dots < 0, 1 / (1 - np.minimum(dots, 0)), dots + 1)


def _euclidean(rows: Matrix, query: Matrix) -> Floats:
    squares = np.square(rows - query).sum(axis=1, dtype=np.float64)
    result: Floats = 1 / (1 + squares)
    return result


class _Metric(NamedTuple):
    stored: Callable[[Matrix], Matrix]
    nearness: Callable[[Matrix, Matrix], Floats]


_METRICS: dict[int, _Metric] = {
    pb.VM_COSINE: _Metric(_unit, _cosine),
    pb.VM_DOT_PRODUCT: _Metric(_as_is, _dot_product),
    pb.VM_EUCLIDEAN: _Metric(_as_is, _euclidean),
}

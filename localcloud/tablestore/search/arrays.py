"""Growable arrays of numbers, read by numpy in one copy.

Documents are numbered in the order they arrive (ordinals), so every list of ordinals is sorted.
"""

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ordinals = NDArray[np.uint32]
Mask = NDArray[np.bool_]
Scores = NDArray[np.float64]

# Where each document goes when the dead are cleared away: its new ordinal, or -1.
Moves = NDArray[np.int64]


def copied(values: "array[Any]") -> NDArray[Any]:
    """The same numbers for numpy: a copy, so that the array may grow while it is in use."""
    return np.frombuffer(values, dtype=values.typecode).copy() if values else np.array(values)


def ordinals(values: "array[int]") -> Ordinals:
    found: Ordinals = copied(values)
    return found


def none() -> Ordinals:
    """No document."""
    return np.empty(0, dtype=np.uint32)


def mask_of(found: Ordinals, size: int) -> Mask:
    """True at each ordinal found."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[found] = True
    return mask


def moved(values: "array[int]", moves: Moves) -> tuple["array[int]", Mask]:
    """The ordinals after the move, and which of the old ones remain."""
    target = moves[ordinals(values)]
    kept = target >= 0
    return array("I", target[kept].astype(np.uint32).tobytes()), kept

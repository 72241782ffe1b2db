"""The place of each document in primary key order, kept up while documents come and go.

Sorting all of 100,000 keys takes a tenth of a second; putting a few new ones among them, a moment.
"""

from bisect import bisect_left
from typing import Final

import numpy as np

from tablestore_memory.localcloud.tablestore.contract import Key
from tablestore_memory.localcloud.tablestore.search import arrays

_MANY: Final = 1000  # new keys from which on sorting all is the sooner done


class KeyOrder:
    """Over the keys by ordinal, to which others add; dead ones keep their place."""

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys
        self._in_order = arrays.none()

    def ranks(self) -> arrays.Scores:
        """The place of each ordinal."""
        self._take_in_new()
        ranks = np.empty(len(self._keys), dtype=np.float64)
        ranks[self._in_order] = np.arange(len(self._keys))
        return ranks

    def move(self, keys: list[Key], moves: arrays.Moves) -> None:
        """Go on with the keys that are left."""
        moved = moves[self._in_order]
        self._keys, self._in_order = keys, moved[moved >= 0].astype(np.uint32)

    def _take_in_new(self) -> None:
        key = self._keys.__getitem__
        new = sorted(range(len(self._in_order), len(self._keys)), key=key)
        if len(new) > _MANY:
            self._in_order = np.array(sorted(range(len(self._keys)), key=key), dtype=np.uint32)
        elif new:
            places = [bisect_left(self._in_order, key(ordinal), key=key) for ordinal in new]
            self._in_order = np.insert(self._in_order, places, new)

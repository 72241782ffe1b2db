"""The documents of one index: its snapshot of the rows, and the inverted indexes over their fields.

A changed document gets a new ordinal and leaves its old one dead; when most are dead they are
cleared away, so memory follows the number of rows and not of writes. Not safe for threads.
"""

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.contract import Columns, Key
from tablestore_memory.localcloud.tablestore.search import arrays
from tablestore_memory.localcloud.tablestore.search.key_order import KeyOrder
from tablestore_memory.localcloud.tablestore.search.level import Level
from tablestore_memory.localcloud.tablestore.search.schema import Field


class Documents(Level):
    """What a search sees of a table."""

    dead_worth_clearing = 1000

    def __init__(self, fields: dict[str, Field], primary_key: tuple[str, ...]) -> None:
        super().__init__(fields, memory={})
        self.primary_key = primary_key
        self.keys: list[Key] = []
        # Indexed columns as the rows held them; without vectors, for they would be most of it.
        self.columns: list[Columns] = []
        self._ordinals: dict[Key, int] = {}
        self._alive = np.zeros(1024, dtype=np.bool_)
        self._key_order = KeyOrder(self.keys)

    @property
    def size(self) -> int:
        return len(self.keys)

    def alive(self) -> arrays.Mask:
        return self._alive[: self.size]

    def ancestors(self, ordinals: arrays.Ordinals, above: Level) -> arrays.Ordinals:
        return ordinals

    def ranks(self) -> arrays.Scores:
        """The place of each ordinal in primary key order."""
        return self.remembered("primary key", self._key_order.ranks)

    def put(self, key: Key, columns: Columns) -> None:
        """Index the row in place of what was there under this key."""
        self.delete(key)
        self._memory.clear()
        ordinal = self.size
        row = {**dict(zip(self.primary_key, key, strict=True)), **columns}
        self.keys.append(key)
        fitting = self.add_fields(ordinal, row)
        self.columns.append(
            {name: row[name] for name in fitting if self.fields[name].kind != pb.VECTOR}
        )
        self._ordinals[key] = ordinal
        if ordinal == len(self._alive):
            self._alive = np.concatenate((self._alive, np.zeros_like(self._alive)))
        self._alive[ordinal] = True

    def delete(self, key: Key) -> None:
        """Forget the row, if it is there."""
        ordinal = self._ordinals.pop(key, None)
        if ordinal is None:
            return
        self._memory.clear()
        self._alive[ordinal] = False
        self.columns[ordinal] = {}
        dead = self.size - len(self._ordinals)
        if dead > self.dead_worth_clearing and dead > len(self._ordinals):
            self._clear_the_dead()

    def _clear_the_dead(self) -> None:
        alive = self.alive()
        moves = np.where(alive, np.cumsum(alive) - 1, -1).astype(np.int64)
        self.move_fields(moves)
        kept = np.flatnonzero(alive)
        self.keys = [self.keys[ordinal] for ordinal in kept]
        self.columns = [self.columns[ordinal] for ordinal in kept]
        self._key_order.move(self.keys, moves)
        self._ordinals = {key: ordinal for ordinal, key in enumerate(self.keys)}
        self._alive = np.zeros(max(1024, len(kept)), dtype=np.bool_)
        self._alive[: len(kept)] = True

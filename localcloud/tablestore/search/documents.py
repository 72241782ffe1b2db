"""The documents of one index: its snapshot of the rows, and the inverted indexes over their fields.

A changed document gets a new ordinal and leaves its old one dead; when most are dead they are
cleared away, so memory follows the number of rows and not of writes. Not safe for threads.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.contract import Columns, Key
from tablestore_memory.localcloud.tablestore.search import arrays, values, vectors
from tablestore_memory.localcloud.tablestore.search.key_order import KeyOrder
from tablestore_memory.localcloud.tablestore.search.numbers import Numbers
from tablestore_memory.localcloud.tablestore.search.schema import Field
from tablestore_memory.localcloud.tablestore.search.terms import KeywordTerms, TextTerms
from tablestore_memory.localcloud.tablestore.search.vectors import Vectors

_DEAD_WORTH_CLEARING = 1000
T = TypeVar("T")

FieldIndex = KeywordTerms | TextTerms | Numbers | Vectors


class Documents:
    """What a search sees of a table."""

    def __init__(self, fields: dict[str, Field], primary_key: tuple[str, ...]) -> None:
        self.fields = fields
        self.primary_key = primary_key
        self.keys: list[Key] = []
        # Indexed columns as the rows held them; without vectors, for they would be most of it.
        self.columns: list[Columns] = []
        self._indexes = {name: _index_of(field) for name, field in fields.items()}
        self._ordinals: dict[Key, int] = {}
        self._alive = np.zeros(1024, dtype=np.bool_)
        self._key_order = KeyOrder(self.keys)
        self._remembered: dict[str, Any] = {}  # until a document changes

    @property
    def size(self) -> int:
        """Ordinals in use, dead ones included: the length of every mask."""
        return len(self.keys)

    def alive(self) -> arrays.Mask:
        return self._alive[: self.size]

    def index(self, name: str) -> FieldIndex:
        """The inverted index of a field."""
        return self._indexes[name]

    def ranks(self) -> arrays.Scores:
        """The place of each ordinal in primary key order."""
        return self.remembered("primary key", self._key_order.ranks)

    def remembered(self, name: str, count: Callable[[], T]) -> T:
        """What `count` returns, counted anew after a document has changed."""
        if name not in self._remembered:
            self._remembered[name] = count()
        found: T = self._remembered[name]
        return found

    def put(self, key: Key, columns: Columns) -> None:
        """Index the row in place of what was there under this key."""
        self.delete(key)
        self._remembered.clear()
        ordinal = self.size
        row = {**dict(zip(self.primary_key, key, strict=True)), **columns}
        self.keys.append(key)
        self.columns.append(self._add_fields(ordinal, row))
        self._ordinals[key] = ordinal
        if ordinal == len(self._alive):
            self._alive = np.concatenate((self._alive, np.zeros_like(self._alive)))
        self._alive[ordinal] = True

    def delete(self, key: Key) -> None:
        """Forget the row, if it is there."""
        ordinal = self._ordinals.pop(key, None)
        if ordinal is None:
            return
        self._remembered.clear()
        self._alive[ordinal] = False
        self.columns[ordinal] = {}
        dead = self.size - len(self._ordinals)
        if dead > _DEAD_WORTH_CLEARING and dead > len(self._ordinals):
            self._clear_the_dead()

    def _add_fields(self, ordinal: int, row: Columns) -> Columns:
        """Index each field of the row and return the columns to keep."""
        kept: Columns = {}
        for name, index in self._indexes.items():
            if name not in row:
                continue
            found = _values(self.fields[name], row[name])
            if found:
                index.add(ordinal, found)
                if not isinstance(index, Vectors):
                    kept[name] = row[name]
        return kept

    def _clear_the_dead(self) -> None:
        alive = self.alive()
        moves = np.where(alive, np.cumsum(alive) - 1, -1).astype(np.int64)
        for index in self._indexes.values():
            index.move(moves)
        kept = np.flatnonzero(alive)
        self.keys = [self.keys[ordinal] for ordinal in kept]
        self._key_order.move(self.keys, moves)
        self.columns = [self.columns[ordinal] for ordinal in kept]
        self._ordinals = {key: ordinal for ordinal, key in enumerate(self.keys)}
        self._alive = np.zeros(max(1024, len(kept)), dtype=np.bool_)
        self._alive[: len(kept)] = True


def _values(field: Field, value: Any) -> list[Any]:
    if field.kind != pb.VECTOR:
        return values.indexed(field, value)
    vector = vectors.parse(value, field.dimension)
    return [] if vector is None else [vector]


def _index_of(field: Field) -> FieldIndex:
    if field.analyzer is not None:
        return TextTerms(field.analyzer)
    if field.kind == pb.VECTOR:
        return Vectors(field.dimension, field.metric)
    if field.kind == pb.KEYWORD:
        return KeywordTerms()
    return Numbers(real=field.kind == pb.DOUBLE)

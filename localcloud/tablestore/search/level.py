"""The inverted indexes over the fields of documents, or of the children in a nested field of theirs.

Each row of a NESTED field becomes a child with an ordinal of its own, which knows its parent's. So a
nested query is a query of another level, whose hits are then taken to their parents.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import arrays, values, vectors
from tablestore_memory.localcloud.tablestore.search.geo_points import GeoPoints
from tablestore_memory.localcloud.tablestore.search.numbers import Numbers
from tablestore_memory.localcloud.tablestore.search.schema import Field
from tablestore_memory.localcloud.tablestore.search.terms import KeywordTerms, TextTerms
from tablestore_memory.localcloud.tablestore.search.vectors import Vectors

FieldIndex = KeywordTerms | TextTerms | Numbers | GeoPoints | Vectors
T = TypeVar("T")


class Level:
    """Fields and their indexes, over ordinals from 0."""

    def __init__(self, fields: Mapping[str, Field], memory: dict[str, Any]) -> None:
        self.fields = fields
        self._memory = memory
        self._indexes = {
            name: _index_of(field) for name, field in fields.items() if field.kind != pb.NESTED
        }
        self._nested = {
            name: Children(self, {child.name: child for child in field.children}, memory)
            for name, field in fields.items()
            if field.kind == pb.NESTED
        }

    @property
    def size(self) -> int:
        """Ordinals in use, dead ones included: the length of every mask."""
        raise NotImplementedError

    def alive(self) -> arrays.Mask:
        raise NotImplementedError

    def ancestors(self, ordinals: arrays.Ordinals, above: "Level") -> arrays.Ordinals:
        """The ordinals, in a level above or this one, of what these lie in."""
        raise NotImplementedError

    def index(self, name: str) -> FieldIndex:
        """The inverted index of a field. Raises ParameterInvalid for a nested one."""
        if name not in self._indexes:
            raise errors.ParameterInvalid(f"Field [{name}] is NESTED: ask for those inside it.")
        return self._indexes[name]

    def home(self, name: str) -> "Level":
        """The level that has the field of this name: this one, or one below."""
        path = name.rpartition(".")[0]
        return self if name in self.fields or not path else self.children(path)

    def children(self, path: str) -> "Children":
        """Those of the nested field of this name. Raises ParameterInvalid if there is none."""
        for name, nested in self._nested.items():
            if name == path:
                return nested
            if path.startswith(f"{name}."):
                return nested.children(path)
        raise errors.ParameterInvalid(f"Field [{path}] is no NESTED field of the search index.")

    def remembered(self, name: str, count: Callable[[], T]) -> T:
        """What `count` returns, counted anew after a document has changed."""
        if name not in self._memory:
            self._memory[name] = count()
        found: T = self._memory[name]
        return found

    def add_fields(self, ordinal: int, row: Mapping[str, Any]) -> Iterator[str]:
        """Index each field of the row; yields the names of those that fit."""
        for name, index in self._indexes.items():
            value = row.get(self.fields[name].key)
            if value is not None and (found := _values(self.fields[name], value)):
                index.add(ordinal, found)
                yield name
        for name, nested in self._nested.items():
            if nested.add(ordinal, row.get(self.fields[name].key)):
                yield name

    def move_fields(self, moves: arrays.Moves) -> None:
        for index in self._indexes.values():
            index.move(moves)
        for nested in self._nested.values():
            nested.move(moves)


class Children(Level):
    """The rows of one nested field."""

    def __init__(self, parent: Level, fields: Mapping[str, Field], memory: dict[str, Any]) -> None:
        super().__init__(fields, memory)
        self.parent = parent
        self._parents: array[int] = array("I")

    @property
    def size(self) -> int:
        return len(self._parents)

    def alive(self) -> arrays.Mask:
        return self.parent.alive()[self.parents()]

    def parents(self) -> arrays.Ordinals:
        """The ordinal of each one's parent, in the level above."""
        return arrays.ordinals(self._parents)

    def ancestors(self, ordinals: arrays.Ordinals, above: Level) -> arrays.Ordinals:
        if self is above:
            return ordinals
        return self.parent.ancestors(self.parents()[ordinals], above)

    def add(self, parent: int, value: Any) -> bool:
        """Index the rows that stand in a column; return whether there are any."""
        rows = values.rows(value)
        for row in rows:
            self._parents.append(parent)
            for _ in self.add_fields(len(self._parents) - 1, row):
                pass
        return bool(rows)

    def move(self, moves: arrays.Moves) -> None:
        self._parents, kept = arrays.moved(self._parents, moves)
        self.move_fields(np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int64))


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
    if field.kind == pb.GEO_POINT:
        return GeoPoints()
    return Numbers(real=field.kind == pb.DOUBLE)

"""Which columns a search returns, from where, and how many rows that allows.

What the index stores comes from its own snapshot, as old as the index is, up to 1,000 rows.
Anything else is read from the table as it is now, up to 100 rows; a row that is gone from it has
nothing to show. A vector's text is read from the table as well, for keeping it would triple the
memory of an index.
Source: Tablestore documentation, "How do I increase the value of the limit parameter to 1000".
"""

from dataclasses import dataclass
from typing import Any

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.contract import Columns, Key, Rows
from tablestore_memory.localcloud.tablestore.search import refuse
from tablestore_memory.localcloud.tablestore.search.documents import Documents
from tablestore_memory.localcloud.tablestore.search.schema import Definition

MAX_LIMIT = 1000
MAX_LIMIT_FROM_TABLE = 100


@dataclass(frozen=True)
class Projection:
    """The columns to return: these names, or all of the table's if there are no names."""

    names: frozenset[str] | None
    reads_table: bool
    max_limit: int

    @property
    def is_of_the_table(self) -> bool:
        """Whether a row comes as it stands in the table now, and not at all if it is gone."""
        return self.max_limit == MAX_LIMIT_FROM_TABLE

    def columns(self, ordinal: int, documents: Documents, rows: Rows, table: str) -> Columns:
        """The row's columns in order of name, as the index has them."""
        found = documents.columns[ordinal]
        if self.reads_table:
            found = {**(rows.read(table, documents.keys[ordinal]) or {}), **found}
        names = sorted(found if self.names is None else self.names & found.keys())
        return {name: found[name] for name in names}


def projection(message: Any, definition: Definition, primary_key: tuple[str, ...]) -> Projection:
    """What the request's ColumnsToGet means for this index."""
    kind = message.return_type if message.HasField("return_type") else pb.RETURN_NONE
    if kind == pb.RETURN_ALL:
        return Projection(None, reads_table=True, max_limit=MAX_LIMIT_FROM_TABLE)
    stored = {name for name, field in definition.fields.items() if field.stored}
    names: set[str] = set()
    if kind == pb.RETURN_ALL_FROM_INDEX:
        names = stored
    if kind == pb.RETURN_SPECIFIED:
        names = set(message.column_names)
        refuse.unless(bool(names), "RETURN_SPECIFIED needs column names.")
    names = names - set(primary_key)
    if names <= stored:
        vectors = any(definition.fields[name].kind == pb.VECTOR for name in names)
        return Projection(frozenset(names), reads_table=vectors, max_limit=MAX_LIMIT)
    return Projection(frozenset(names), reads_table=True, max_limit=MAX_LIMIT_FROM_TABLE)


def named(primary_key: tuple[str, ...], key: Key) -> list[tuple[str, Any]]:
    """The primary key as (name, value) pairs."""
    return list(zip(primary_key, key, strict=True))

"""What a table and its indexes must be, and in what those that stand already are different."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import tablestore as ots


@dataclass(frozen=True, slots=True)
class TableSchema:
    """`key` with the types; `index` is the secondary index, if there is one, and `declared` the columns beside the
    key that it needs to be declared."""

    name: str
    key: tuple[tuple[str, str], ...]
    declared: tuple[str, ...] = ()
    index: str | None = None
    index_key: tuple[str, ...] = ()


def differing(
    client: ots.OTSClient, schema: TableSchema, standing: Collection[str]
) -> Iterator[str]:
    """What is wrong with what stands already, in words; `standing` are the instance's tables and indexes."""
    own_indexes: dict[str, list[str]] = {}
    if schema.name in standing:
        found = client.describe_table(schema.name)
        own_indexes = {each.index_name: each.primary_key_names for each in found.secondary_indexes}
        yield from _differing_table(schema, found.table_meta, has_index=schema.index in own_indexes)
    if schema.index is None or schema.index not in standing:
        return
    if schema.index not in own_indexes:
        yield f"{schema.index}, the index of {schema.name}, is the name of something else"
    elif (key := tuple(own_indexes[schema.index])) != schema.index_key:
        yield f"index {schema.index} has the key {_listed(key)} instead of {_listed(schema.index_key)}"


def _differing_table(
    schema: TableSchema, found: ots.TableMeta, *, has_index: bool
) -> Iterator[str]:
    key = tuple((column[0], column[1]) for column in found.schema_of_primary_key)
    declared = {column[0] for column in found.defined_columns}
    if key != schema.key:
        yield f"table {schema.name} has the key {_typed(key)} instead of {_typed(schema.key)}"
    elif missing := [] if has_index else [name for name in schema.declared if name not in declared]:
        yield f"table {schema.name} does not declare the column {_listed(missing)}, which its index needs"


def differing_vectors(
    client: ots.OTSClient, table: str, index: str, field: str, dimension: int
) -> Iterator[str]:
    """The same of a search index of a table that stands: its vectors must have so many floats."""
    if index not in {name for _, name in client.list_search_index(table)}:
        return
    meta, _ = client.describe_search_index(table, index)
    options = [each.vector_options for each in meta.fields if each.field_name == field]
    if not options or options[0] is None:
        yield f"search index {index} of {table} has no vectors in {field}"
    elif (found := options[0].dimension) != dimension:
        yield f"search index {index} of {table} has vectors of {found} floats instead of {dimension}"


def _typed(key: Collection[tuple[str, str]]) -> str:
    return _listed([f"{name} {kind}" for name, kind in key])


def _listed(names: Collection[str]) -> str:
    return f"({', '.join(names)})"

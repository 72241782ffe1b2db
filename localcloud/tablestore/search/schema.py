"""What an index is: its fields, their types and options, its default order.

Validates a CreateSearchIndex request, fills in the service's defaults and keeps the result as the
bytes of a DescribeSearchIndexResponse, which is also what the catalog stores. Refuses JSON and
virtual fields and a time to live.
Source of the limits: Tablestore documentation, "Search index limits".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import dates, refuse
from tablestore_memory.localcloud.tablestore.search.analyzers import Analyzer, analyzer

MAX_FIELDS = 1000
MAX_VECTOR_DIMENSION = 4096
MAX_NESTED_LEVELS = 5
MAX_NESTED_FIELDS = 100
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_UNSUPPORTED = (pb.JSON,)
_UNSORTABLE = (pb.TEXT, pb.VECTOR, pb.NESTED)
_FIELD_OPTIONS = (
    "field_name field_type analyzer index enable_sort_and_agg store is_array analyzer_parameter"
    " date_formats vector_options enable_highlighting field_schemas"
)


@dataclass(frozen=True)
class Field:
    """One field of an index; one in a nested field has its name after that field's: `n.name`."""

    name: str
    kind: int  # FieldType of search.proto
    is_array: bool
    indexed: bool
    sortable: bool
    stored: bool
    analyzer: Analyzer | None
    date_parsers: tuple[dates.Parse, ...]
    dimension: int
    metric: int  # VectorMetricType of search.proto
    highlighted: bool
    is_inside: bool  # a nested field, whose rows are JSON
    children: tuple["Field", ...]

    @property
    def key(self) -> str:
        """What it is called where its values stand."""
        return self.name.rpartition(".")[2]

    def __str__(self) -> str:
        return f"field [{self.name}] of type {pb.FieldType.Name(self.kind)}"


@dataclass(frozen=True)
class Definition:
    """An index's fields by name, its default sort and how DescribeSearchIndex shows it."""

    fields: dict[str, Field]
    index_sort: Any
    routing_fields: tuple[str, ...]
    description: bytes


def queryable(fields: Mapping[str, Field], name: str) -> Field:
    """The field, ready to be queried. Raises ParameterInvalid."""
    refuse.unless(name in fields, f"Field [{name}] does not exist in the search index.")
    refuse.unless(fields[name].indexed, f"Field [{name}] is not indexed.")
    return fields[name]


def from_request(request: Any, created_at_s: float) -> Definition:
    """Validate a CreateSearchIndexRequest and fill in what it leaves out."""
    refuse.all_but(request, "table_name index_name schema time_to_live")
    refuse.all_but(request.schema, "field_schemas index_setting index_sort")
    refuse.unless(bool(_NAME.fullmatch(request.index_name)), "Invalid search index name.")
    no_expiry(request)
    description = pb.DescribeSearchIndexResponse(time_to_live=-1, create_time=int(created_at_s))
    description.schema.CopyFrom(request.schema)
    for field in description.schema.field_schemas:
        _fill_in(field)
    _fill_in_sort(description.schema)
    return from_description(description.SerializeToString())


def from_description(description: bytes) -> Definition:
    """The definition that `description` (see `Definition.description`) stands for."""
    schema = pb.DescribeSearchIndexResponse.FromString(description).schema
    names = [field.field_name for field in schema.field_schemas]
    refuse.unless(0 < len(names) <= MAX_FIELDS, f"An index has 1 to {MAX_FIELDS} fields.")
    refuse.unless(len(set(names)) == len(names), "Duplicate field name in the index schema.")
    fields = {field.field_name: _field(field, "") for field in schema.field_schemas}
    _check_index_sort(schema.index_sort, fields)
    routing = tuple(schema.index_setting.routing_fields)
    return Definition(fields, schema.index_sort, routing, description)


def no_expiry(request: Any) -> None:
    """Raise UnsupportOperation if the request asks for a time to live."""
    if request.HasField("time_to_live") and request.time_to_live != -1:
        raise refuse.unsupported("A search index with a time to live")


def _fill_in(field: Any) -> None:
    refuse.all_but(field, _field_options(field))
    known = field.HasField("field_type")
    refuse.unless(known, f"Field [{field.field_name}] has no type, or one that is not known.")
    kind = pb.FieldType.Name(field.field_type)
    if field.field_type in _UNSUPPORTED:
        raise refuse.unsupported(f"Field type {kind} ([{field.field_name}])")
    # Whether it can be sorted and aggregated is not filled in: the service shows what was said.
    defaults: dict[str, Any] = {"index": True, "store": True, "is_array": False}
    if field.field_type == pb.TEXT:
        defaults["analyzer"] = "single_word"
    for name, default in defaults.items():
        if not field.HasField(name):
            setattr(field, name, default)
    for child in field.field_schemas:
        _fill_in(child)


def _fill_in_sort(schema: Any) -> None:
    nested = any(field.field_type == pb.NESTED for field in schema.field_schemas)
    if schema.index_sort.sorter:
        refuse.unless(not nested, "An index with a NESTED field cannot be sorted.")
    elif not nested:
        schema.index_sort.sorter.add().pk_sort.order = pb.SORT_ORDER_ASC


def _field_options(field: Any) -> str:
    """The options of a field that may be set: those switched off are as good as absent."""
    off = [] if field.is_virtual_field else ["is_virtual_field"]
    bm25 = ["text_similarity"] if field.text_similarity == pb.BM25 else []
    return " ".join([_FIELD_OPTIONS, *off, *bm25])


def _field(field: Any, path: str) -> Field:
    kind = field.field_type
    refuse.unless(bool(field.field_name), "A field of the index schema has no name.")
    name = f"{path}{field.field_name}"
    only_text = not (field.HasField("analyzer") and kind != pb.TEXT)
    refuse.unless(only_text, f"Field [{name}] is not TEXT and takes no analyzer.")
    refuse.unless(
        kind == pb.TEXT or not field.enable_highlighting,
        f"Field [{name}] is not TEXT to highlight.",
    )
    sortable = field.enable_sort_and_agg or not field.HasField("enable_sort_and_agg")
    refuse.unless(
        not (field.enable_sort_and_agg and kind in _UNSORTABLE), f"Field [{name}] cannot be sorted."
    )
    return Field(
        name=name,
        kind=kind,
        is_array=field.is_array,
        indexed=field.index,
        sortable=sortable and kind not in _UNSORTABLE,
        stored=field.store,
        analyzer=analyzer(field.analyzer, field.analyzer_parameter) if kind == pb.TEXT else None,
        date_parsers=_date_parsers(field),
        dimension=_dimension(field),
        metric=field.vector_options.metric_type,
        highlighted=field.enable_highlighting,
        is_inside=bool(path),
        children=_children(field, name),
    )


def _children(field: Any, name: str) -> tuple[Field, ...]:
    """The fields of a nested field. Raises ParameterInvalid."""
    count = len(field.field_schemas)
    if field.field_type != pb.NESTED:
        refuse.unless(not count, f"Field [{name}] is not NESTED and has no fields inside.")
        return ()
    fits = 0 < count <= MAX_NESTED_FIELDS
    refuse.unless(fits, f"NESTED field [{name}] has 1 to {MAX_NESTED_FIELDS} fields.")
    fits = name.count(".") < MAX_NESTED_LEVELS
    refuse.unless(fits, f"Field [{name}]: NESTED fields lie at most {MAX_NESTED_LEVELS} deep.")
    children = tuple(_field(child, f"{name}.") for child in field.field_schemas)
    for child in children:
        refuse.unless(
            child.kind != pb.VECTOR, f"Field [{child.name}]: no VECTOR in a NESTED field."
        )
    return children


def _date_parsers(field: Any) -> tuple[dates.Parse, ...]:
    fits = bool(field.date_formats) == (field.field_type == pb.DATE)
    refuse.unless(
        fits, f"Field [{field.field_name}]: a DATE field, and no other, has date_formats."
    )
    return tuple(dates.parser(date_format) for date_format in field.date_formats)


def _dimension(field: Any) -> int:
    if field.field_type != pb.VECTOR:
        return 0
    options = field.vector_options
    where = f"Vector field [{field.field_name}]"
    refuse.unless(not field.is_array, f"{where} cannot be an array.")
    refuse.unless(options.data_type == pb.VD_FLOAT_32, f"{where}: data_type must be float32.")
    refuse.unless(options.HasField("metric_type"), f"{where} has no metric_type.")
    fits = 1 <= options.dimension <= MAX_VECTOR_DIMENSION
    refuse.unless(fits, f"{where}: dimension must be 1 to {MAX_VECTOR_DIMENSION}.")
    return int(options.dimension)


def _check_index_sort(sort: Any, fields: dict[str, Field]) -> None:
    for sorter in sort.sorter:
        refuse.all_but(sorter, "pk_sort field_sort")
        name = sorter.field_sort.field_name
        if sorter.HasField("field_sort") and (name not in fields or not fields[name].sortable):
            raise errors.ParameterInvalid(f"The index cannot be sorted by field [{name}].")

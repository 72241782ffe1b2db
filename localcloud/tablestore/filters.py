"""Filters of reads and conditions of writes: from protobuf to a function of a row's columns."""

import re
from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from tablestore.protobuf import table_store_filter_pb2 as pb

from tablestore_memory.localcloud.tablestore import limits, messages
from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid, UnsupportOperation
from tablestore_memory.localcloud.tablestore.plainbuffer import decode_value

Versions = list[tuple[int, Value]]
Row = Mapping[str, Versions]  # each column's versions, newest first
Predicate = Callable[[Row], bool]

_COMPARE: dict[int, Callable[[Any, Any], Any]] = {
    pb.CT_EQUAL: eq,
    pb.CT_NOT_EQUAL: ne,
    pb.CT_GREATER_THAN: gt,
    pb.CT_GREATER_EQUAL: ge,
    pb.CT_LESS_THAN: lt,
    pb.CT_LESS_EQUAL: le,
}
_CAST: dict[int, Callable[[str], Value]] = {
    pb.VT_INTEGER: int,
    pb.VT_DOUBLE: float,
    pb.VT_STRING: str,
}


def parse(raw: bytes) -> Predicate:
    """What a serialized Filter asks. Raises ParameterInvalid, UnsupportOperation."""
    message = messages.parse(pb.Filter, raw, "Deserialize filter failed.")
    if _count(message) > limits.FILTERS:
        raise ParameterInvalid(f"The count of filter exceeds the max:{limits.FILTERS}.")
    return _predicate(message)


def _count(message: pb.Filter) -> int:
    if message.type != pb.FT_COMPOSITE_COLUMN_VALUE:
        return 1
    return sum(_count(sub) for sub in _composite_message(message).sub_filters)


def _composite_message(message: pb.Filter) -> pb.CompositeColumnValueFilter:
    return messages.parse(
        pb.CompositeColumnValueFilter, message.filter, "Deserialize composite filter failed."
    )


def _predicate(message: pb.Filter) -> Predicate:
    if message.type == pb.FT_SINGLE_COLUMN_VALUE:
        complaint = "Deserialize relation filter failed."
        return _single(messages.parse(pb.SingleColumnValueFilter, message.filter, complaint))
    if message.type == pb.FT_COMPOSITE_COLUMN_VALUE:
        return _composite(_composite_message(message))
    raise UnsupportOperation("ColumnPaginationFilter is not supported.")


def _composite(message: pb.CompositeColumnValueFilter) -> Predicate:
    subs = [_predicate(sub) for sub in message.sub_filters]
    if message.combinator == pb.LO_NOT:
        if len(subs) != 1:
            raise ParameterInvalid("Invalid NOT operator: the number of sub-filters must be 1.")
        return lambda row: not subs[0](row)
    if len(subs) < 2:
        raise ParameterInvalid("Invalid AND/OR operator: the number of sub-filters must be 2.")
    if message.combinator == pb.LO_AND:
        return lambda row: all(sub(row) for sub in subs)
    return lambda row: any(sub(row) for sub in subs)


def _single(message: pb.SingleColumnValueFilter) -> Predicate:
    name, if_missing = message.column_name, not message.filter_if_missing
    limits.check_column_name(name)
    if message.comparator == pb.CT_EXIST:
        return lambda row: name in row
    if message.comparator == pb.CT_NOT_EXIST:
        return lambda row: name not in row
    holds = _comparison(message)
    latest_only = message.latest_version_only

    def passes(row: Row) -> bool:
        versions = row.get(name)
        if not versions:
            return if_missing
        seen = versions[:1] if latest_only else versions
        return any(holds(value) for _, value in seen)

    return passes


def _comparison(message: pb.SingleColumnValueFilter) -> Callable[[Value], bool]:
    wanted = decode_value(message.column_value)
    compare = _COMPARE[message.comparator]
    transfer = _transfer(message)

    def holds(value: Value) -> bool:
        found = transfer(value)
        if type(found) is not type(wanted):
            # Values of different types are never equal and have no order.
            return bool(message.comparator == pb.CT_NOT_EQUAL)
        return bool(compare(found, wanted))

    return holds


def _transfer(message: pb.SingleColumnValueFilter) -> Callable[[Value], Value | None]:
    """The part of a string that a regular expression picks, cast; other values as they are."""
    if not message.HasField("value_trans_rule"):
        return lambda value: value
    rule = message.value_trans_rule
    cast = _CAST.get(rule.cast_type)
    if cast is None:
        raise ParameterInvalid(f"Invalid cast type: {rule.cast_type}.")
    try:
        pattern = re.compile(rule.regex)
    except re.error as error:
        raise ParameterInvalid(f"Invalid regex: '{rule.regex}'.") from error

    def picked(value: Value) -> Value | None:
        match = pattern.search(value) if isinstance(value, str) else None
        if match is None:
            return None
        try:
            return cast(match[1] if pattern.groups else match[0])
        except ValueError:
            return None

    return picked

"""Group-bys: the documents found, in groups, each with aggregations and group-bys of its own.

Sources: Tablestore API reference, "GroupBy", "Search index limits".
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.messages import parse
from tablestore_memory.localcloud.tablestore.search import arrays, refuse
from tablestore_memory.localcloud.tablestore.search.aggregations import Found, aggregate, number_of
from tablestore_memory.localcloud.tablestore.search.doc_values import DocValues

MAX_GROUP_BYS = 5  # side by side
MAX_LEVELS = 3


class Group(NamedTuple):
    """Some of the documents found, and what they have in common."""

    key: Any  # by which groups are ordered
    ordinals: arrays.Ordinals
    shown: dict[str, Any]  # the fields of the answer that say what it is


class Kind(NamedTuple):
    """One type of group-by: its messages and what makes its groups."""

    message: Any
    result: Any
    items: str  # the name of the result's items
    rows: str  # the name of the field with the number of rows
    groups: Callable[[Any, Found], Iterable[Group]]
    honoured: str
    most: Callable[[Any], int | None] = lambda _: None  # how many groups are answered


def group(group_bys: Any, found: Found, kinds: dict[int, Kind]) -> Any:
    """The GroupBysResult. Raises ParameterInvalid, UnsupportOperation."""
    result = pb.GroupBysResult()
    for asked in group_bys.group_bys:
        answer = _answer(asked.body, found, kinds, kinds[asked.type])
        result.group_by_results.add(
            name=asked.name, type=asked.type, group_by_result=answer.SerializeToString()
        )
    return result


def check(group_bys: Any, kinds: dict[int, Kind], depth: int = 1) -> None:
    """Raise for group-bys of the wrong shape, whatever they would find."""
    fits = len(group_bys.group_bys) <= MAX_GROUP_BYS
    refuse.unless(fits, f"There are more than {MAX_GROUP_BYS} group-bys.")
    for asked in group_bys.group_bys:
        refuse.unless(depth <= MAX_LEVELS, f"Group-bys are nested deeper than {MAX_LEVELS}.")
        refuse.unless(asked.HasField("type"), "A group-by has no type, or one that is not known.")
        if asked.type not in kinds:
            raise refuse.unsupported(pb.GroupByType.Name(asked.type))
        kind = kinds[asked.type]
        message = parse(kind.message, asked.body)
        refuse.all_but(message, f"{kind.honoured} sub_aggs sub_group_bys")
        check(message.sub_group_bys, kinds, depth + 1)


def _answer(body: bytes, found: Found, kinds: dict[int, Kind], kind: Kind) -> Any:
    message = parse(kind.message, body)
    answered = [
        (one, aggregate(message.sub_aggs, found.among(one.ordinals)))
        for one in kind.groups(message, found)
    ]
    if "sort" in kind.honoured.split():
        _sort(answered, message.sort)
    result = kind.result()
    for one, aggregated in answered[: kind.most(message)]:
        item = getattr(result, kind.items).add(**one.shown)
        setattr(item, kind.rows, len(one.ordinals))
        item.sub_aggs_result.CopyFrom(aggregated)
        inside = group(message.sub_group_bys, found.among(one.ordinals), kinds)
        item.sub_group_bys_result.CopyFrom(inside)
    return result


def _sort(answered: list[tuple[Group, Any]], sort: Any) -> None:
    """By each sorter in turn, and at last by key; a sort is stable, so the last goes first."""
    answered.sort(key=lambda one: one[0].key)
    for sorter in reversed(sort.sorters):
        by, order = _sorter(sorter)
        answered.sort(key=by, reverse=order == pb.SORT_ORDER_DESC)


def _sorter(sorter: Any) -> tuple[Callable[[tuple[Group, Any]], Any], int]:
    if sorter.HasField("group_key_sort"):
        return lambda one: one[0].key, sorter.group_key_sort.order
    if sorter.HasField("row_count_sort"):
        return lambda one: len(one[0].ordinals), sorter.row_count_sort.order
    name = sorter.sub_agg_sort.sub_agg_name
    return lambda one: number_of(one[1], name), sorter.sub_agg_sort.order


def by_number(values: DocValues) -> Iterator[tuple[Any, arrays.Ordinals]]:
    """Each number there is, ascending, with the documents that hold it."""
    once = values.each_once()
    order = np.argsort(once.numbers, kind="stable")
    numbers, holders = once.numbers[order], once.holders[order]
    starts = np.flatnonzero(np.concatenate(([True], numbers[1:] != numbers[:-1])))[: len(numbers)]
    bounds = [*starts.tolist(), len(numbers)]
    for start, end in pairwise(bounds):
        yield numbers[start].item(), holders[start:end]

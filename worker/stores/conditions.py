"""Whose a row is, and from when, as a condition of the row itself: the service asks it, not we before.

A new row is put where none is; that needs no condition on columns, which would cost every message its
encoding. Only where a row is already does a second request ask whose it is.
"""

import tablestore as ots

from tablestore_memory.worker.stores.rows import OWNER, RECEIVED, RowWrite

_ANYWAY = ots.Condition(ots.RowExistenceExpectation.IGNORE)
_NEW = ots.Condition(ots.RowExistenceExpectation.EXPECT_NOT_EXIST)


def condition(row: RowWrite, *, over_own: bool) -> ots.Condition:
    """For one row of a batch. With `over_own` it changes a row that is there, and is not put where none is."""
    if row.is_put_anew and not over_own:
        return _NEW
    asked = _columns(row)
    if not asked:
        return _ANYWAY
    must_exist = row.if_there or row.is_put_anew
    expected = (
        ots.RowExistenceExpectation.EXPECT_EXIST
        if must_exist
        else ots.RowExistenceExpectation.IGNORE
    )
    return ots.Condition(expected, asked[0] if len(asked) == 1 else _all(asked))


def names_another(user_id: str) -> ots.SingleColumnCondition:
    """For a filter: rows that name a user, and not this one."""
    return _column(OWNER, user_id, ots.ComparatorType.NOT_EQUAL, if_missing=False)


def _columns(row: RowWrite) -> list[ots.ColumnCondition]:
    asked: list[ots.ColumnCondition] = []
    if row.only_newer is not None:
        stamp = dict(row.columns)[row.only_newer]
        older = ots.ComparatorType.LESS_EQUAL  # or written before, as a batch that is written again
        asked.append(_column(row.only_newer, stamp, older, if_missing=True))
    if row.owner is not None:
        equal = ots.ComparatorType.EQUAL
        asked.append(_column(OWNER, row.owner, equal, if_missing=row.or_unowned))
    if row.ours is not None:
        # No column of ours is ever empty: this asks whether it is there.
        asked.append(_column(row.ours, "", ots.ComparatorType.NOT_EQUAL, if_missing=False))
    if row.upto_ms is not None:
        asked.append(_not_later(row.upto_ms))
    return asked


def _not_later(upto_ms: int) -> ots.ColumnCondition:
    """As "not greater", which a stamp that is no number passes too."""
    later = _column(RECEIVED, upto_ms, ots.ComparatorType.GREATER_THAN, if_missing=False)
    never = ots.CompositeColumnCondition(ots.LogicalOperator.NOT)
    never.add_sub_condition(later)
    return never


def _all(asked: list[ots.ColumnCondition]) -> ots.ColumnCondition:
    every = ots.CompositeColumnCondition(ots.LogicalOperator.AND)
    for each in asked:
        every.add_sub_condition(each)
    return every


def _column(name: str, value: object, comparator: object, *, if_missing: bool) -> object:
    return ots.SingleColumnCondition(name, value, comparator, pass_if_missing=if_missing)

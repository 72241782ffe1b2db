"""Random sequences of row operations and ranges against a plain model of their meaning."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
import tablestore as ots
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from devtools.servers import Server
from tests.conformance.tablestore import (
    IGNORE,
    Service,
    batch,
    create,
    get,
    get_range,
    meta,
)
from tests.examples import examples

pytestmark = pytest.mark.usefixtures("local_only")

MAX_VERSIONS = 2
NOW_MS = int(time.time() * 1000)
NAMES = itertools.count()

texts = st.sampled_from(["", "a", "a\x00", "中"])
numbers = st.sampled_from([-1, 0, 2**63 - 1])
keys = st.tuples(texts, numbers)  # few, so that operations meet on the same rows
names = st.sampled_from(["x", "y", "z"])
values = st.one_of(st.integers(-5, 5), st.booleans(), st.floats(-1, 1), texts)
stamps = st.integers(NOW_MS, NOW_MS + 3)
cells = st.lists(st.tuples(names, values, stamps), max_size=4)
bounds = st.tuples(texts | st.sampled_from([ots.INF_MIN, ots.INF_MAX]), numbers)

Versions = dict[int, Any]
Row = dict[str, Versions]


def newest(versions: Versions) -> Versions:
    return dict(sorted(versions.items(), reverse=True)[:MAX_VERSIONS])


def apply_puts(row: Row, puts: list[tuple[str, Any, int]]) -> Row:
    after = {name: dict(versions) for name, versions in row.items()}
    for name, value, stamp in puts:
        after[name] = newest(after.get(name, {}) | {stamp: value})
    return after


def flat(row: Row) -> list[tuple[str, Any, int]]:
    return [(name, value, s) for name in sorted(row) for s, value in newest(row[name]).items()]


def named(key: tuple[Any, Any]) -> list[tuple[str, Any]]:
    return [("s", key[0]), ("n", key[1])]


def position(key: tuple[Any, Any]) -> tuple[Any, ...]:
    """Where a key or bound stands among all."""

    def part(value: Any) -> tuple[int, Any]:
        if value is ots.INF_MIN:
            return (0, b"")
        if value is ots.INF_MAX:
            return (2, b"")
        return (1, value.encode() if isinstance(value, str) else value)

    return tuple(part(value) for value in key)


class Model(RuleBasedStateMachine):
    """`rows` says what the table must hold."""

    client: Any

    @initialize()
    def begin(self) -> None:
        self.table = f"model{next(NAMES)}"
        self.rows: dict[tuple[str, int], Row] = {}
        options = ots.TableOptions(-1, MAX_VERSIONS)
        create(self.client, meta(self.table, [("s", "STRING"), ("n", "INTEGER")]), options)

    def teardown(self) -> None:
        self.client.delete_table(self.table)

    @rule(key=keys, puts=cells)
    def put(self, key: Any, puts: Any) -> None:
        self.client.put_row(self.table, ots.Row(named(key), puts), IGNORE)
        self.rows[key] = apply_puts({}, puts)

    @rule(key=keys, puts=cells, gone=st.sets(names))
    def update(self, key: Any, puts: Any, gone: set[str]) -> None:
        if not puts and not gone:
            return
        change = {"PUT": puts, "DELETE_ALL": sorted(gone)}
        self.client.update_row(self.table, ots.Row(named(key), change), IGNORE)
        if not puts and key not in self.rows:
            return
        after = apply_puts(self.rows.get(key, {}), puts)
        self.rows[key] = {name: v for name, v in after.items() if name not in gone}

    @rule(key=keys, name=names, stamp=stamps)
    def delete_version(self, key: Any, name: str, stamp: int) -> None:
        change = {"DELETE": [(name, None, stamp)]}
        self.client.update_row(self.table, ots.Row(named(key), change), IGNORE)
        row = self.rows.get(key, {})
        row.get(name, {}).pop(stamp, None)
        if name in row and not row[name]:
            del row[name]

    @rule(key=keys)
    def delete(self, key: Any) -> None:
        self.client.delete_row(self.table, ots.Row(named(key)), IGNORE)
        self.rows.pop(key, None)

    @rule(key=keys, puts=cells, exists=st.booleans())
    def put_if(self, key: Any, puts: Any, exists: bool) -> None:
        expect = ots.RowExistenceExpectation
        condition = ots.Condition(expect.EXPECT_EXIST if exists else expect.EXPECT_NOT_EXIST)
        try:
            self.client.put_row(self.table, ots.Row(named(key), puts), condition)
        except ots.OTSServiceError as error:
            assert error.code == "OTSConditionCheckFail"
            assert (key in self.rows) != exists
        else:
            assert (key in self.rows) == exists
            self.rows[key] = apply_puts({}, puts)

    @rule(changes=st.lists(st.tuples(keys, st.none() | cells), min_size=1, max_size=6))
    def write_many(self, changes: list[tuple[Any, Any]]) -> None:
        items = [
            ots.DeleteRowItem(ots.Row(named(key)), IGNORE)
            if puts is None
            else ots.PutRowItem(ots.Row(named(key), puts), IGNORE)
            for key, puts in changes
        ]
        assert self.client.batch_write_row(batch(self.table, *items)).is_all_succeed()
        for key, puts in changes:
            if puts is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = apply_puts({}, puts)

    @rule(key=keys)
    def read(self, key: Any) -> None:
        row = get(self.client, self.table, named(key), max_version=MAX_VERSIONS)

        assert (row is not None) == (key in self.rows)
        if row is not None:
            assert row.attribute_columns == flat(self.rows[key])

    @rule(start=bounds, end=bounds, forward=st.booleans(), limit=st.integers(1, 4))
    def read_range(self, start: Any, end: Any, forward: bool, limit: int) -> None:
        low, high = (
            (position(start), position(end)) if forward else (position(end), position(start))
        )
        if low >= high:
            return
        direction = ots.Direction.FORWARD if forward else ots.Direction.BACKWARD
        inside = sorted(self.rows, key=position, reverse=not forward)
        inside = [
            k
            for k in inside
            if (low <= position(k) < high if forward else low < position(k) <= high)
        ]

        seen, following = [], named(start)
        while following:
            rows, following = get_range(
                self.client,
                self.table,
                following,
                named(end),
                direction=direction,
                limit=limit,
                max_version=MAX_VERSIONS,
            )
            seen += [(row.primary_key, row.attribute_columns) for row in rows]

        assert seen == [(named(key), flat(self.rows[key])) for key in inside]

    @invariant()
    def table_is_the_model(self) -> None:
        if not hasattr(self, "table"):
            return
        low, high = named((ots.INF_MIN, ots.INF_MIN)), named((ots.INF_MAX, ots.INF_MAX))
        rows, _ = get_range(self.client, self.table, low, high, max_version=MAX_VERSIONS)
        assert [(row.primary_key, row.attribute_columns) for row in rows] == [
            (named(key), flat(self.rows[key])) for key in sorted(self.rows, key=position)
        ]


@pytest.fixture(scope="module")
def own_client() -> Iterator[Any]:
    with Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as server:
        yield Service(server.url).sync_client()


@pytest.mark.timeout(600)  # a failure takes minutes to be made small
def test_rows_behave_as_the_model(own_client: Any) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    Model.client = own_client
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=examples(60),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

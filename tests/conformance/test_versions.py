"""Cell versions: kept, selected, deleted, explicit timestamps, time to live."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots

from devtools.servers import wait_until
from tests.conformance.tablestore import get, get_columns, put, refused, update

KEY = [("pk", "a")]
DAY_MS = 86_400_000


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def versioned(make_table: Callable[..., str]) -> str:
    return make_table(options=ots.TableOptions(-1, 3))


def versions(row: Any) -> list[tuple[Any, int]]:
    return [(value, stamp) for _, value, stamp in row.attribute_columns]


def test_stamp_is_the_time_of_the_write(client: Any, table: str) -> None:
    before = now_ms()
    put(client, table, KEY, [("x", 1)])
    after = now_ms()

    [(_, stamp)] = versions(get(client, table, KEY))

    assert before <= stamp <= after


def test_column_put_twice_at_one_time_has_its_last_value(client: Any, versioned: str) -> None:
    put(client, versioned, [("pk", "a")], [("x", 1), ("y", 5), ("x", 2)])

    row = get(client, versioned, [("pk", "a")], max_version=5)

    assert [cell[:2] for cell in row.attribute_columns] == [("x", 2), ("y", 5)]


def test_newest_version_stands_whatever_came_last(client: Any, table: str) -> None:
    now = now_ms()

    update(client, table, KEY, {"PUT": [("x", "new", now)]})
    update(client, table, KEY, {"PUT": [("x", "old", now - 1000)]})

    assert versions(get(client, table, KEY)) == [("new", now)]


def test_same_stamp_is_overwritten(client: Any, versioned: str) -> None:
    now = now_ms()

    update(client, versioned, KEY, {"PUT": [("x", 1, now)]})
    update(client, versioned, KEY, {"PUT": [("x", 2, now)]})

    assert versions(get(client, versioned, KEY, max_version=3)) == [(2, now)]


def test_versions_come_newest_first_and_the_oldest_goes(client: Any, versioned: str) -> None:
    now = now_ms()

    for n in (2, 0, 3, 1):
        update(client, versioned, KEY, {"PUT": [("x", n, now + n)]})

    found = versions(get(client, versioned, KEY, max_version=10))
    assert found == [(3, now + 3), (2, now + 2), (1, now + 1)]


def test_max_version_bounds_what_is_read(client: Any, versioned: str) -> None:
    now = now_ms()
    put(client, versioned, KEY, [("x", n, now + n) for n in range(3)])

    assert versions(get(client, versioned, KEY, max_version=2)) == [(2, now + 2), (1, now + 1)]


def test_time_range_selects_versions(client: Any, versioned: str) -> None:
    now = now_ms()
    put(client, versioned, KEY, [("x", n, now + n) for n in range(3)])

    between = get(client, versioned, KEY, max_version=None, time_range=(now, now + 2))
    exactly = get(client, versioned, KEY, max_version=None, time_range=now + 1)

    assert versions(between) == [(1, now + 1), (0, now)]
    assert versions(exactly) == [(1, now + 1)]


def test_one_version_can_be_deleted(client: Any, versioned: str) -> None:
    now = now_ms()
    put(client, versioned, KEY, [("x", n, now + n) for n in range(3)])

    update(client, versioned, KEY, {"DELETE": [("x", None, now + 1)]})

    assert versions(get(client, versioned, KEY, max_version=3)) == [(2, now + 2), (0, now)]


def test_put_row_leaves_no_older_version(client: Any, versioned: str) -> None:
    now = now_ms()
    put(client, versioned, KEY, [("x", 1, now - 5), ("y", 1, now - 5)])

    put(client, versioned, KEY, [("x", 2, now)])

    row = get(client, versioned, KEY, max_version=3)
    assert row.attribute_columns == [("x", 2, now)]


@pytest.mark.parametrize("away_ms", [-DAY_MS - 60_000, DAY_MS + 60_000])
def test_stamp_further_than_the_deviation_is_refused(client: Any, table: str, away_ms: int) -> None:
    with refused("OTSParameterInvalid", 400, "Invalid timestamp"):
        put(client, table, KEY, [("x", 1, now_ms() + away_ms)])


def test_table_may_allow_a_wider_deviation(client: Any, make_table: Callable[..., str]) -> None:
    table = make_table(options=ots.TableOptions(-1, 1, 10 * 86_400))
    week_ago = now_ms() - 7 * DAY_MS

    put(client, table, KEY, [("x", 1, week_ago)])

    assert versions(get(client, table, KEY)) == [(1, week_ago)]


def test_negative_stamp_is_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400, "Timestamp must be in range"):
        put(client, table, KEY, [("x", 1, -1)])


def test_expired_versions_disappear(client: Any, make_table: Callable[..., str]) -> None:
    table = make_table(options=ots.TableOptions(86_400, 1))
    nearly_a_day_ago = now_ms() - DAY_MS + 1_500
    put(client, table, KEY, [("x", 1, nearly_a_day_ago), ("y", 2)])
    put(client, table, [("pk", "b")], [("x", 1, nearly_a_day_ago)])
    assert get_columns(client, table, KEY) == {"x": 1, "y": 2}

    wait_until(lambda: get_columns(client, table, KEY) == {"y": 2}, "x expires")

    assert get(client, table, [("pk", "b")]) is None


def test_stamp_that_has_expired_already_is_refused(
    client: Any, make_table: Callable[..., str]
) -> None:
    table = make_table(options=ots.TableOptions(86_400, 1, 10 * 86_400))

    with refused("OTSParameterInvalid", 400, "Invalid timestamp"):
        put(client, table, KEY, [("x", 1, now_ms() - 2 * DAY_MS)])


def test_fewer_versions_are_shown_at_once(client: Any, versioned: str) -> None:
    now = now_ms()
    put(client, versioned, KEY, [("x", n, now + n) for n in range(3)])

    client.update_table(versioned, ots.TableOptions(-1, 1), None)

    assert versions(get(client, versioned, KEY, max_version=3)) == [(2, now + 2)]


def test_table_without_updates_refuses_them(client: Any, make_table: Callable[..., str]) -> None:
    table = make_table(options=ots.TableOptions(-1, 1, 86_400, False))
    put(client, table, KEY, [("x", 1)])

    with refused("OTSParameterInvalid", 400):
        update(client, table, KEY, {"PUT": [("x", 2)]})

    assert get_columns(client, table, KEY) == {"x": 1}

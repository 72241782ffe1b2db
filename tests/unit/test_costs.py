"""Each call to Qwen is booked once, by day, user, model and purpose; rows of Tablestore follow from the sums."""

from collections.abc import Iterator
from typing import cast

import pytest
from redis import Redis
from structlog.testing import capture_logs

from devtools.deployment import Deployment
from devtools.extraction import said, store
from tablestore_memory.worker.costs.ledger import Ledger, today
from tablestore_memory.worker.costs.prices import Price, cost_of, prices_of
from tablestore_memory.worker.costs.unbooked import Deed, name_of
from tablestore_memory.worker.costs.user_budget import UserBudget, users_over_budget
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.failures.errors import InvalidRow
from tablestore_memory.worker.forget.costs import forget_costs
from tablestore_memory.worker.operations.costs import CostLine, costs_by
from tablestore_memory.worker.qwen.asked_for import NOBODY, Asker
from tablestore_memory.worker.qwen.usage import Usage
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS, state_streams
from tablestore_memory.worker.state.tombstones import Tombstones
from tablestore_memory.worker.stores.costs import EVERYBODY, Spent
from tablestore_memory.worker.stores.write import write_all
from tablestore_memory.worker.tasks import execute
from tests.failures.extraction_kills import NO_LIMITS
from tests.local_dashscope import LocalDashScope

OWN_TABLES = {"MEMORY_COST_TABLE": "costs", "MEMORY_AUDIT_TABLE": "costs_audit"}
USED = Usage(100, 10, 40)
ANA = Asker("ana", 1)


@pytest.fixture(scope="module")
def tables(redis_url: str, tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    variables = OWN_TABLES | NO_LIMITS
    with Deployment(redis_url, tablestore_url, dashscope_url, **variables) as deployment:
        yield deployment


@pytest.fixture
def services(tables: Deployment, redis: Redis) -> Services:
    """With nothing booked: neither in Redis nor in the table."""
    for key in redis.scan_iter(f"{tables.settings.prefix}:*"):
        redis.delete(key)
    client, costs = tables.services.tablestore, tables.services.costs
    for row in [*costs.of_all("0"), *costs.of_users("0")]:
        deleted = costs.deletion(row.day, row.owner)
        client.delete_row(deleted.table, list(deleted.key))
    return tables.services


def book_all(services: Services) -> None:
    """What waits, at once."""
    for partition in range(STATE_PARTITIONS):
        key = services.keys.unbooked(partition)
        for name in cast(list[bytes], services.redis.zrange(key, 0, -1)):
            services.redis.zadd(key, {name: 0})
        services.booking.book(partition)


def waiting(services: Services) -> int:
    keys = services.keys
    return sum(int(services.redis.zcard(keys.unbooked(p))) for p in range(STATE_PARTITIONS))


def by(services: Services, what: str) -> dict[str, CostLine]:
    prices = prices_of(services.settings.prices)
    return {each.name: each for each in costs_by(services.costs, what, 2, prices)}  # type: ignore[arg-type]


def test_calls_of_an_extraction_are_booked_once_each(
    tables: Deployment, services: Services, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    ana, bo = f"{fresh_name}-ana", f"{fresh_name}-bo"
    store(tables, *(said(user, user, n, f"I like dish {n}.") for user in (ana, bo) for n in (1, 2)))

    for user in (ana, bo):
        execute(services, gate.EXTRACT, [user, user])
    book_all(services)
    book_all(services)

    calls, (total,) = local_dashscope.calls(), by(services, "day").values()
    assert total.name == str(today())
    assert total.calls == sum(n for name, n in calls["count"].items() if name.endswith(".200"))
    for what in ("input", "output"):
        asked = sum(n for name, n in calls["tokens"].items() if name.endswith(what))
        assert getattr(total, f"{what}_tokens") == asked > 0
        for group in ("user", "model", "purpose"):
            lines = by(services, group).values()
            assert sum(getattr(each, f"{what}_tokens") for each in lines) == asked, group
    assert set(by(services, "user")) == {ana, bo}
    assert set(by(services, "model")) == {"qwen-plus", "text-embedding-v4"}
    assert {"facts", "vectors"} <= set(by(services, "purpose"))
    assert waiting(services) == 0


def test_call_for_nobody_is_booked_for_everybody(services: Services) -> None:
    services.qwen.probe()
    book_all(services)

    assert by(services, "user") == {}
    assert by(services, "purpose")["probe"].calls == 1


def test_row_follows_the_sums_and_never_goes_back(services: Services) -> None:
    day = str(today())
    services.ledger.book("m", "facts", ANA, USED)
    book_all(services)
    before = services.costs.row(day, "ana", 1, [Spent("m", "facts", 1, 100, 10, 40)])
    services.ledger.book("m", "facts", ANA, USED)
    book_all(services)

    write_all(services.tablestore, [before])  # of a worker that was stopped for a while

    (row,) = services.costs.of_users(day)
    assert row.spent == [Spent("m", "facts", 2, 200, 20, 80)]


def test_calls_that_come_while_a_row_is_written_are_booked_later(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.ledger.book("m", "facts", NOBODY, USED)
    spent = services.ledger.spent

    def then_another_call(ledger: Ledger, *about: object) -> object:
        found = spent(*about)  # type: ignore[arg-type]
        monkeypatch.undo()
        ledger.book("m", "facts", NOBODY, USED)
        return found

    monkeypatch.setattr(Ledger, "spent", then_another_call)
    book_all(services)
    left = waiting(services)
    book_all(services)

    assert left == 1
    assert by(services, "purpose")["facts"].calls == 2


def test_one_that_cannot_be_made_a_row_keeps_no_other_from_it(services: Services) -> None:
    keys, redis = services.keys, services.redis
    of_all = keys.unbooked(keys.streams.partition(EVERYBODY))
    too_long = Deed(1, "d" * 2000, "look", "ana", "os:me", "here")
    redis.zadd(of_all, {b"{": 0, name_of(too_long): 0})
    services.ledger.book("m", "facts", NOBODY, USED)

    with pytest.raises(InvalidRow):
        book_all(services)

    assert by(services, "purpose")["facts"].calls == 1
    assert int(redis.zcard(of_all)) == 2


def test_call_that_cannot_be_booked_is_said_and_costs_nobody_anything(fresh_name: str) -> None:
    keys = Keys(state_streams(fresh_name))
    with Redis.from_url("redis://127.0.0.1:1") as away, capture_logs() as logs:
        Ledger(away, keys, Tombstones(away, keys.streams)).book("m", "facts", ANA, USED)

    (line,) = logs
    assert (line["event"], line["error"]) == ("cost.unbooked", "ConnectionError")
    assert "ana" not in str(line)


def test_forgotten_user_costs_nothing_and_totals_stay(services: Services) -> None:
    for user in ("ana", "bo"):
        services.ledger.book("m", "facts", Asker(user, 1), USED)
    book_all(services)
    services.ledger.book("m", "facts", ANA, USED)

    forget_costs(services.tablestore, services.ledger, services.costs, "ana")
    book_all(services)

    assert set(by(services, "user")) == {"bo"}
    assert by(services, "day")[str(today())].calls == 3
    assert services.ledger.spent(today(), "ana") == (0, [])


@pytest.mark.parametrize(("since_ms", "calls"), [(999, 0), (1_000, 0), (1_001, 1)])
def test_work_for_a_user_who_was_forgotten_meanwhile_counts_in_the_totals_alone(
    services: Services, since_ms: int, calls: int
) -> None:
    services.tombstones.note("ana", None, 1_000)

    services.ledger.book("m", "facts", Asker("ana", since_ms), USED)

    assert services.ledger.spent(today(), "ana")[0] == calls
    assert services.ledger.spent(today(), EVERYBODY)[0] == 1


def test_user_who_is_forgotten_while_a_row_is_written_gets_none(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.ledger.book("m", "facts", ANA, USED)
    spent = services.ledger.spent

    def then_forgotten(ledger: Ledger, day: object, owner: str) -> object:
        found = spent(day, owner)  # type: ignore[arg-type]
        if owner == "ana":
            forget_costs(services.tablestore, ledger, services.costs, "ana")
        return found

    monkeypatch.setattr(Ledger, "spent", then_forgotten)
    book_all(services)

    assert list(services.costs.of_users("0")) == []
    assert [row.owner for row in services.costs.of_all("0")] == [EVERYBODY]


def test_price_of_cached_tokens_is_their_own_and_an_unlisted_model_has_none() -> None:
    prices = prices_of("a=2/10/0.5,b=1/1/1")
    spent = Spent("a", "facts", 1, input=1_000_000, output=500_000, cached=400_000)

    assert prices["a"] == Price(2, 10, 0.5)
    assert cost_of([spent], prices) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.5 * 10)
    assert cost_of([spent, Spent("c", "facts", 1, 1)], prices) is None


def test_user_over_budget_waits_for_tomorrow_alone(services: Services) -> None:
    budget = UserBudget(services.redis, services.keys, services.ledger, daily_tokens=110)
    before = budget.wait_s("ana")

    services.ledger.book("m", "facts", ANA, USED)

    assert before is None
    assert 0 < (budget.wait_s("ana") or 0) <= 86_400 + 60
    assert budget.wait_s("bo") is None
    assert users_over_budget(services.redis, services.keys) == 1
    assert UserBudget(services.redis, services.keys, services.ledger, None).wait_s("ana") is None


def test_rows_of_costs_and_of_the_audit_expire(services: Services) -> None:
    for table in (services.names.cost, services.names.audit):
        options = services.tablestore.describe_table(table).table_options
        assert options.time_to_live == 400 * 86_400

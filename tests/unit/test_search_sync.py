"""When a change becomes visible, by a clock that only the test moves."""

import tablestore as ots
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.search.engine import SearchEngine
from tests.conformance.searched import long
from tests.unit.search_index import INDEX, TABLE, Indexed

ALL = ots.MatchAllQuery()


def following(lag_s: tuple[float, float]) -> Indexed:
    """An index past its full phase."""
    indexed = Indexed(long("n"), lag_s=lag_s)
    indexed.clock.now_s += lag_s[1]
    indexed.engine.tick()
    return indexed


def sync_stat(indexed: Indexed) -> pb.SyncStat:
    request = pb.DescribeSearchIndexRequest(
        table_name=TABLE, index_name=INDEX, include_sync_stat=True
    )
    return indexed.engine.describe_search_index(request).sync_stat


def test_change_is_visible_between_the_bounds_of_the_lag() -> None:
    indexed = following((1.0, 3.0))
    for key in range(200):
        indexed.put(key, n=key)

    indexed.clock.now_s += 0.999
    before = indexed.keys(ALL)
    indexed.clock.now_s += 1.0
    between = indexed.keys(ALL)
    indexed.clock.now_s += 1.001
    after = indexed.keys(ALL)

    assert before == []
    assert 50 < len(between) < 150
    assert len(after) == 200


def test_changes_of_a_row_keep_their_order() -> None:
    indexed = following((0.0, 3.0))
    for n in range(50):
        indexed.put(1, n=n)

    seen = []
    for _ in range(31):
        seen += [n for n in range(50) if indexed.keys(ots.TermQuery("n", n))]
        indexed.clock.now_s += 0.1

    assert seen == sorted(seen)
    assert seen[-1] == 49


def test_deleted_row_does_not_come_back() -> None:
    indexed = following((0.0, 3.0))
    for _ in range(20):
        indexed.put(1, n=1)
        indexed.delete(1)
    indexed.clock.now_s += 3.001

    assert indexed.keys(ALL) == []


def test_lag_can_be_changed_for_what_is_to_come() -> None:
    indexed = following((0.0, 0.0))
    indexed.engine.set_lag((60.0, 60.0), TABLE, INDEX)
    indexed.put(1, n=1)
    indexed.clock.now_s += 59

    before = indexed.keys(ALL)
    indexed.clock.now_s += 1

    assert (before, indexed.keys(ALL)) == ([], [1])


def test_stopped_index_catches_up_when_it_goes_on() -> None:
    indexed = following((0.0, 0.0))
    indexed.engine.pause()
    indexed.put(1, n=1)
    indexed.clock.now_s += 3600
    indexed.engine.tick()
    while_stopped = indexed.keys(ALL)
    indexed.engine.resume()

    assert (while_stopped, indexed.keys(ALL)) == ([], [1])


def test_sync_stat_tells_the_oldest_change_that_is_missing() -> None:
    indexed = following((2.0, 2.0))
    indexed.put(1, n=1)
    arrived_s = indexed.clock.now_s
    indexed.clock.now_s += 1
    indexed.put(2, n=2)

    behind = sync_stat(indexed).current_sync_timestamp
    indexed.clock.now_s += 5

    assert behind == arrived_s * 1e9
    assert sync_stat(indexed).current_sync_timestamp == indexed.clock.now_s * 1e9


def test_new_index_takes_in_the_table_after_one_lag() -> None:
    indexed = Indexed(long("n"), lag_s=(2.0, 2.0), rows={(1,): {"n": 1}})
    indexed.put(2, n=2)
    indexed.delete(1)

    full = sync_stat(indexed), indexed.keys(ALL)
    indexed.clock.now_s += 2

    assert (full[0].sync_phase, full[0].current_sync_timestamp, full[1]) == (pb.FULL, 0, [])
    assert indexed.keys(ALL) == [2]
    assert sync_stat(indexed).sync_phase == pb.INCR


def test_tick_makes_changes_visible_without_a_search() -> None:
    indexed = following((1.0, 1.0))
    for n in range(100):
        indexed.put(n, n=n)
    indexed.clock.now_s += 1

    indexed.engine.tick()

    assert len(indexed.engine._indexes[TABLE][INDEX].queue) == 0


def test_engine_of_the_same_catalog_has_the_same_index() -> None:
    indexed = Indexed(long("n"), rows={(1,): {"n": 1}})

    indexed.engine = SearchEngine(
        indexed.store, indexed.store, lag_s=(60.0, 60.0), clock=indexed.clock
    )

    assert indexed.keys(ots.TermQuery("n", 1)) == [1]
    assert sync_stat(indexed).sync_phase == pb.INCR


def test_dropped_table_takes_its_indexes_along() -> None:
    indexed = Indexed(long("n"))

    indexed.engine.table_dropped(TABLE)

    assert not indexed.engine.has_indexes(TABLE)
    assert indexed.store.definitions == {}

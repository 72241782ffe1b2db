"""However a process ends or forks, each accepted event is in a stream or on disk, and is
delivered by the next process that publishes."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.failures.publishing import Place, ids

COUNT = 300
FORKED = ids("main", COUNT) | ids("main-later", COUNT) | ids("child", COUNT)
GREENLETS = set().union(*(ids(f"greenlet-{n}", COUNT) for n in range(3)))

DELIVERING = {
    # scenario: (events, exit code)
    "normal_exit": (ids("main", COUNT), 0),
    "closed_by_context": (ids("main", COUNT), 0),
    "sys_exit_in_thread": (ids("main", COUNT), 0),
    "unhandled_exception": (ids("main", COUNT), 1),
    "sigterm": (ids("main", COUNT), -signal.SIGTERM),
    "sigterm_handled_by_the_agent": (ids("main", COUNT), 7),
    "os_fork": (FORKED, 0),
    "multiprocessing_fork": (FORKED, 0),
    "multiprocessing_spawn": (FORKED, 0),
    "multiprocessing_forkserver": (FORKED, 0),
    "process_pool": (FORKED, 0),
    "billiard_process": (FORKED, 0),
    "prefork_server": (
        ids("main", COUNT) | ids("worker-0", COUNT) | ids("worker-1", COUNT),
        0,
    ),
    "gevent_greenlets": (GREENLETS, 0),
    "gevent_patched_late": (GREENLETS, 0),
}
LEAVING = {
    "sigkill": (ids("main", COUNT), -signal.SIGKILL),
    "os_fork_hard_exit": (ids("main", COUNT) | ids("child", COUNT), 0),
}
DURABILITIES = ("journal", "memory")


@pytest.fixture(scope="module")
def outcomes(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], tuple[Place, int, str]]]:
    """All scenarios, two at a time: they wait more than they work."""
    cases = [(name, kind) for name in DELIVERING for kind in DURABILITIES]
    cases += [(name, "journal") for name in LEAVING]

    def run(case: tuple[str, str]) -> tuple[Place, int, str]:
        scenario, durability = case
        place = Place(redis_url, f"{scenario}-{durability}", tmp_path_factory.mktemp("journal"))
        child = place.start(scenario, EVENTS=str(COUNT), MEMORY_DURABILITY=durability)
        _, errors = child.communicate(timeout=60)
        return place, child.returncode, errors

    with ThreadPoolExecutor(3) as pool:
        results = dict(zip(cases, pool.map(run, cases), strict=True))
    yield results
    for place, _, _ in results.values():
        place.end()


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("scenario", DELIVERING)
def test_ending_process_delivers_each_event_once(
    outcomes: dict[tuple[str, str], tuple[Place, int, str]], scenario: str, durability: str
) -> None:
    place, exit_code, errors = outcomes[scenario, durability]
    expected, expected_code = DELIVERING[scenario]

    delivered = place.in_streams()

    left = place.in_journals()
    assert exit_code == expected_code, errors
    assert set(delivered) | left == expected, errors
    assert left == set(), errors
    assert set(delivered) == expected
    assert set(delivered.values()) == {1}


@pytest.mark.parametrize("scenario", LEAVING)
def test_next_process_replays_what_a_killed_one_left(
    outcomes: dict[tuple[str, str], tuple[Place, int, str]], scenario: str
) -> None:
    place, exit_code, errors = outcomes[scenario, "journal"]
    expected, expected_code = LEAVING[scenario]
    before = set(place.in_streams()) | place.in_journals()

    again = place.run("replay")

    assert exit_code == expected_code, errors
    assert before == expected
    assert again.returncode == 0
    assert set(place.in_streams()) == expected | {"again-0"}
    assert not [*Path(place.journal_dir).rglob("*.journal")]


def test_events_of_a_session_stay_in_order_over_a_kill(
    outcomes: dict[tuple[str, str], tuple[Place, int, str]],
) -> None:
    place, _, _ = outcomes["sigkill", "journal"]
    place.run("replay")

    order = place.messages_in_order()

    for session in range(3):
        expected = [f"main-{number}" for number in range(session, COUNT, 3)]
        assert order[f"main-session-{session}"] == expected


def test_event_is_on_disk_when_publish_returns(redis_url: str, tmp_path: Path) -> None:
    place = Place("redis://127.0.0.1:1/0", "killed", tmp_path)
    child = place.start("publish_until_killed")
    assert child.stdout is not None
    for line in child.stdout:
        if line == "2000\n":
            break

    child.kill()
    printed = child.stdout.read().splitlines()
    child.wait()

    accepted = int(printed[-1]) if printed else 2000
    missing = ids("main", accepted + 1) - place.in_journals()
    place.end()
    assert missing == set()

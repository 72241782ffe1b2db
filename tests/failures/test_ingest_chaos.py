"""A short chaos run; `make chaos` does the long one."""

import pytest

from bench.chaos import run
from bench.chaos_sides import Leased


@pytest.mark.timeout(400)  # the machine may be busy; a quiet one needs half a minute
def test_nothing_is_lost_doubled_or_set_aside_while_everything_dies() -> None:
    bill = run(Leased, kills=6, restarts=2, rate=100, away_s=2)

    assert bill["published"] > 500
    assert bill["lost"] == bill["doubled"] == bill["sessions_out_of_order"] == bill["dead"] == 0
    assert bill["hostile"] > bill["hostile_not_set_aside"] == 0
    assert bill["failed_turns"] + bill["pauses"] > 0  # it did hurt: the store was away meanwhile

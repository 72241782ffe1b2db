"""A short chaos run; `make chaos` does the long one."""

import pytest

from bench.chaos import run
from bench.chaos_sides import Leased


@pytest.mark.timeout(400)  # the machine may be busy; a quiet one needs half a minute
def test_nothing_is_lost_doubled_or_set_aside_while_everything_dies() -> None:
    bill = run(Leased, kills=10, restarts=2, rate=100, away_s=3)

    assert bill["published"] > 500
    assert bill["lost"] == bill["doubled"] == bill["sessions_out_of_order"] == bill["dead"] == 0
    # The kills did hit something: entries were taken up after a death.
    assert bill["of_them_taken_before"] > 0

"""A short chaos run; `make chaos` does the long one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("--kills", "6", "--restarts", "2", "--rate", "100", "--away", "2")


@pytest.mark.timeout(400)  # the machine may be busy; a quiet one needs half a minute
def test_nothing_is_lost_doubled_or_set_aside_while_everything_dies() -> None:
    answer = subprocess.run(
        [sys.executable, "bench/chaos.py", *SHORT], cwd=ROOT, capture_output=True, text=True
    )

    bill = json.loads(answer.stdout)
    assert answer.returncode == 0, answer.stderr
    assert bill["published"] > 500
    assert bill["lost"] == bill["doubled"] == bill["sessions_out_of_order"] == bill["dead"] == 0
    assert bill["hostile"] > bill["hostile_not_set_aside"] == 0
    assert bill["failed_turns"] + bill["pauses"] > 0  # it did hurt: the store was away meanwhile

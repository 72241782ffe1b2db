"""Parts of a recall: what does not answer is named, by why."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tablestore_memory.recall.parts import Deadline, Parts
from tablestore_memory.recall.results import LATE, Missing
from tablestore_memory.worker.failures.errors import Unavailable


@pytest.mark.parametrize(("deadline_s", "reason"), [(60.0, "Unavailable"), (0.1, LATE)])
def test_call_that_ended_with_the_deadline_is_late_whatever_it_says(
    deadline_s: float, reason: str
) -> None:
    def fail() -> str:
        time.sleep(0.2)
        raise Unavailable("no answer: ReadTimeoutError")

    with ThreadPoolExecutor() as executor:
        parts = Parts(executor, Deadline(deadline_s))
        part = parts.ask("vector", fail)
    answer = part.value("nothing")

    assert (answer, parts.missing) == ("nothing", [Missing("vector", reason)])

"""Whatever is in the way, a person is told what to do about it."""

import pytest

from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.dispatch.heartbeat import Worker
from tablestore_memory.worker.dispatch.stage_errors import Failing
from tablestore_memory.worker.failures.errors import SystemicFailure, WorkerError
from tablestore_memory.worker.operations.advice import BY_ERROR, what_to_do
from tablestore_memory.worker.operations.ages import Ages
from tablestore_memory.worker.operations.backlog import Backlog
from tablestore_memory.worker.operations.status import Standing

AN_HOUR_MS = 3_600_000


def kinds(base: type[WorkerError]) -> list[type[WorkerError]]:
    return [each for kind in base.__subclasses__() for each in (kind, *kinds(kind))]


def standing(*failing: Failing, paused: bool = False) -> Standing:
    """In which everything that can be in the way is."""
    pauses = [{"queue": "extract", "task": each.task, "reason": "why"} for each in failing]
    return Standing(
        Backlog(1, 1, 1, 1, 1),
        Ages(*[9_999.0] * 5),
        [],
        pauses if paused else [],
        list(failing),
        AN_HOUR_MS,
        users_over_budget=1,
    )


@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize("error", kinds(WorkerError), ids=lambda error: error.__name__)
def test_every_obstacle_says_what_to_do(error: type[WorkerError], paused: bool) -> None:
    now = standing(Failing(gate.EXTRACT, error.__name__, "", 1, AN_HOUR_MS), paused=paused)

    advice = {each.what: what_to_do(each, now.failing) for each in now.obstacles()}

    assert advice.pop("workers") == ""  # it says so itself
    assert len(advice) == 6
    assert all(advice.values())


def test_advice_follows_the_error_of_the_task_that_fails() -> None:
    now = standing(
        Failing(gate.DRAIN, "ResourceMissing", "", 1, AN_HOUR_MS),
        Failing(gate.EXTRACT, "PaymentRequired", "", 1, AN_HOUR_MS),
    )

    advice = {each.what: what_to_do(each, now.failing) for each in now.obstacles()}

    assert advice[f"failing {gate.DRAIN}"].startswith("run `memory-worker init`")
    assert advice[f"failing {gate.EXTRACT}"] == "pay the account, or raise its quota"


def test_queue_that_nobody_consumes_says_itself_what_to_do() -> None:
    now = standing()
    now.workers.append(Worker("one", ("ingest",)))

    (unconsumed,) = [each for each in now.obstacles() if each.what == "queue extract"]

    assert "start one with" in unconsumed.text
    assert what_to_do(unconsumed, now.failing) == ""


def test_errors_that_are_advised_on_are_those_that_everybody_meets() -> None:
    assert set(BY_ERROR) <= {kind.__name__ for kind in kinds(SystemicFailure)}

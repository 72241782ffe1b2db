"""The last error of each stage: since when it fails, and never what a user said."""

import pytest
import redis

from devtools.servers import wait_until
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.dispatch.stage_errors import StageErrors
from tablestore_memory.worker.failures.errors import BadCredentials, Busy, InvalidRow, Unavailable
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.partitions import state_streams

SAID = "what only the user knows"


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


@pytest.fixture
def errors(client: redis.Redis, fresh_name: str) -> StageErrors:
    return StageErrors(client, state_streams(fresh_name))


def test_stage_fails_since_its_first_error_and_tells_the_last(
    client: redis.Redis, errors: StageErrors
) -> None:
    errors.note(gate.DRAIN, Unavailable("Tablestore: connection refused"))
    began = now_ms(client)
    wait_until(lambda: now_ms(client) > began, "the next millisecond")

    errors.note(gate.DRAIN, BadCredentials("Tablestore:\nOTSAuthFailed"))

    (failing,) = errors.all()
    assert failing.since_ms <= began < failing.last_ms
    assert (failing.error, failing.reason) == ("BadCredentials", "Tablestore: OTSAuthFailed")


def test_success_of_a_stage_clears_it_alone(errors: StageErrors) -> None:
    errors.note(gate.DRAIN, Unavailable("Tablestore"))
    errors.note(gate.EXTRACT, Unavailable("Qwen"))

    errors.clear(gate.DRAIN)

    assert [failing.task for failing in errors.all()] == [gate.EXTRACT]


@pytest.mark.parametrize("error", [KeyError(SAID), ValueError(SAID), InvalidRow(SAID)])
def test_error_that_may_quote_a_user_is_told_by_its_kind_alone(
    errors: StageErrors, error: Exception
) -> None:
    errors.note(gate.EXTRACT, error)

    (failing,) = errors.all()
    assert (failing.error, failing.reason) == (type(error).__name__, "")


def test_what_another_worker_holds_is_no_failure(errors: StageErrors) -> None:
    errors.note(gate.DRAIN, Busy("lease"))

    assert errors.all() == []

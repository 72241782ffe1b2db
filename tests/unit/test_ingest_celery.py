"""The settings of Celery that must fit together."""

from typing import Any

import pytest
from celery import concurrency

from tablestore_memory.worker.app import create_app
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.ingest.drain import FULL_TURN_S
from tablestore_memory.worker.settings import Settings


@pytest.fixture(scope="module")
def app(unconnected: Settings) -> Any:  # Celery ships no types
    return create_app(unconnected)


def test_no_running_task_is_delivered_again(app: Any) -> None:
    visible_s = app.conf.broker_transport_options["visibility_timeout"]
    ours = [task for name, task in app.tasks.items() if name.startswith("memory.")]

    assert {task.name for task in ours} == set(gate.QUEUE_OF)
    for task in ours:
        assert task.soft_time_limit < task.time_limit < visible_s


def test_turn_of_a_drain_ends_within_the_grace_of_a_stop(app: Any) -> None:
    assert app.conf.worker_soft_shutdown_timeout > FULL_TURN_S


def test_child_that_ended_is_soon_missed(app: Any) -> None:
    """Celery looks every five seconds; until then a task that was handed to the child waits."""
    pool = concurrency.get_implementation("prefork").Pool
    looks = pool.__new__(pool).timers

    assert [look.__name__ for look in looks] == ["maintain_pool"]
    assert all(seconds < 1 for seconds in looks.values())


def test_every_task_has_its_queue(app: Any) -> None:
    assert set(app.conf.task_routes) == set(gate.QUEUE_OF)


def test_connections_give_up_on_a_server_that_is_silent(app: Any) -> None:
    options = app.conf.broker_transport_options

    assert options["socket_timeout"] and options["socket_connect_timeout"]
    assert "retry_on_timeout" not in options


def test_broker_cannot_make_a_worker_run_code(app: Any) -> None:
    assert app.conf.accept_content == ["json"]


def test_worker_has_no_heartbeat_of_celery_whatever_its_command_line_says(app) -> None:  # type: ignore[no-untyped-def]
    worker = app.WorkController(pool="solo", without_heartbeat=False, without_gossip=False)

    steps = {step.name.rpartition(".")[2] for step in worker.consumer.steps}

    assert "WatchStep" in steps
    assert not steps & {"Heart", "Gossip", "Mingle", "Events"}


def test_app_has_tasks_of_its_own_whatever_app_was_made_before(
    app: Any, unconnected: Settings
) -> None:
    other = create_app(unconnected.model_copy(update={"prefix": "other"}))

    assert other.tasks[gate.DRAIN].run is not app.tasks[gate.DRAIN].run

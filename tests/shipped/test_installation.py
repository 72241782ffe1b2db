"""The wheel in use: by an agent, by an operator, and in an app that has folders named like ours."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tablestore_memory import __version__
from tests.shipped.environments import Environment, running

# An installation takes its time.
pytestmark = pytest.mark.timeout(600)

WORKER = ("celery", "-A", "tablestore_memory.worker.main", "worker", "-c", "1", "-l", "info")
READY = r" ready\."
PUBLISH = """
from tablestore_memory import Publisher

with Publisher(durability="memory") as memory:
    memory.message(user_id="ana", session_id="s1", role="user", content="I like green tea.")
    memory.session_end(user_id="ana", session_id="s1")
"""
THEIRS = """
import os

from celery import Celery

import producer

app = Celery("theirs", broker=os.environ["REDIS_URL"])


@app.task(name=producer.TASK)
def hello():
    pass
"""


@pytest.fixture(scope="module")
def settings(full: Environment) -> Iterator[dict[str, str]]:
    """The stand-ins of the wheel, running, and how they are reached."""
    server = (full.python, "-m", "tablestore_memory.localcloud")
    urls: list[str] = []
    with ExitStack() as stack:
        for options in (["redis"], ["tablestore", "--data", ":memory:"], ["dashscope"]):
            command = (*server, *options, "--port", "0")
            started = stack.enter_context(running(full, *command, ready=r"ready \S+\n"))
            urls += re.findall(r"ready (\S+)\n", started.said)
        redis, tablestore, dashscope = urls
        yield {
            "REDIS_URL": redis,
            "TABLESTORE_ENDPOINT": tablestore,
            "TABLESTORE_INSTANCE_NAME": "local",
            "TABLESTORE_ACCESS_KEY_ID": "local",
            "TABLESTORE_ACCESS_KEY_SECRET": "local",
            "DASHSCOPE_HTTP_BASE_URL": dashscope,
            "DASHSCOPE_API_KEY": "local",
            "MEMORY_IDLE_S": "1",
        }


def test_site_packages_gains_one_name(thin: Environment) -> None:
    listed = "from importlib.metadata import files; print(*files('tablestore-memory-worker'))"

    files = [Path(name) for name in thin.run(thin.python, "-c", listed).stdout.split()]

    tops = {file.parts[0] for file in files if file.parts[0] != ".."}  # ../../../bin/memory-worker

    assert tops == {"tablestore_memory", f"tablestore_memory_worker-{__version__}.dist-info"}


def test_agent_publishes_what_a_worker_stores_and_remembers(
    thin: Environment, full: Environment, settings: dict[str, str]
) -> None:
    made = full.run("memory-worker", "init", settings=settings)
    with running(full, *WORKER, "-Q", "ingest,extract", ready=READY, settings=settings) as worker:
        place = {"REDIS_URL": settings["REDIS_URL"]}
        published = thin.run(thin.python, "-c", PUBLISH, settings=place)
        waited = full.run("memory-worker", "wait", "--timeout", "60", settings=settings)
        found = full.run("memory-worker", "memories", "ana", "--json", settings=settings)

    assert made.returncode == 0, made.stderr
    assert published.returncode == 0, published.stderr
    assert waited.returncode == 0, waited.stderr + worker.said
    assert "green tea" in json.loads(found.stdout)[0]["text"]


def test_command_tells_the_version(full: Environment) -> None:
    assert full.run("memory-worker", "--version").stdout == f"{__version__}\n"


def test_publisher_alone_is_told_what_the_command_needs(thin: Environment) -> None:
    done = thin.run("memory-worker", "status")

    assert done.returncode == 2
    assert "pip install 'tablestore-memory-worker[worker]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_types_are_found_by_a_checker_of_the_app(full: Environment) -> None:
    assert (full.site_packages / "tablestore_memory" / "py.typed").exists()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app whose Celery app is in `worker`, which needs its own `producer`."""
    folder = tmp_path_factory.mktemp("app")
    for name, text in {"worker": THEIRS, "producer": "TASK = 'theirs.hello'\n"}.items():
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(text, encoding="utf-8")
    return folder


def test_app_with_a_worker_and_a_producer_of_its_own_runs_beside_ours(
    full: Environment, app: Path, settings: dict[str, str]
) -> None:
    their_command = ("celery", "-A", "worker", "worker", "-P", "solo", "-l", "info")
    with (
        running(
            full, *their_command, "-n", "a@%h", ready=READY, cwd=app, settings=settings
        ) as theirs,
        running(full, *WORKER, "-n", "b@%h", ready=READY, cwd=app, settings=settings) as ours,
    ):
        pass

    assert tasks(theirs.said) == ["theirs.hello"]
    assert tasks(ours.said)
    assert all(task.startswith("memory.") for task in tasks(ours.said))


def tasks(banner: str) -> list[str]:
    """What a Celery worker says that it can do."""
    return re.findall(r"^  \. (\S+)", banner.partition("[tasks]")[2], re.MULTILINE)


def test_app_imports_its_own_packages_and_ours(
    full: Environment, app: Path, settings: dict[str, str]
) -> None:
    code = (
        "import producer, worker, tablestore_memory.producer, tablestore_memory.worker.main\n"
        "print(producer.__file__, worker.__file__, tablestore_memory.producer.__file__, sep='\\n')"
    )

    done = full.run(full.python, "-c", code, cwd=app, settings=settings)

    assert done.returncode == 0, done.stderr
    theirs, too, ours = map(Path, done.stdout.split())
    assert (theirs.parents[1], too.parents[1]) == (app, app)
    assert ours.is_relative_to(full.site_packages)

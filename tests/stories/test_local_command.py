"""The local services from the command line, in each of the ways to start them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dashscope
import pytest
import redis
import tablestore as ots

from devtools.child import Child

ROOT = Path(__file__).parents[2]
CLI = (str(Path(sys.executable).with_name("memory-worker")), "local")
MODULE = (sys.executable, "-m", "tablestore_memory.localcloud")
FROM_THE_CHECKOUT = (sys.executable, "-m", "localcloud")


@pytest.fixture(params=[CLI, MODULE, FROM_THE_CHECKOUT], ids=["cli", "module", "folder"])
def start(request: pytest.FixtureRequest) -> tuple[str, ...]:
    command: tuple[str, ...] = request.param
    return command


@pytest.fixture
def tablestore(start: tuple[str, ...]) -> Iterator[Child]:
    options = ("tablestore", "--port", "0", "--data", ":memory:")
    child = Child("local tablestore", [*start, *options], ready="^ready ", folder=ROOT)
    yield child
    child.kill()


def test_local_tablestore_is_served_until_it_is_ended(tablestore: Child) -> None:
    url = tablestore.wait_ready().split()[1]

    tables = ots.OTSClient(url, "local", "local", "local").list_table()

    assert list(tables) == []
    assert tablestore.stop() == 0


def test_each_service_is_there_under_its_name(tmp_path: Path) -> None:
    """A module of the folder they are started in is not taken for one of theirs."""
    (tmp_path / "redis.py").write_text("raise SystemExit('not this one')")
    urls = {}
    for name, options in (("redis", ("--dir", "data")), ("dashscope", ())):
        command = (*CLI, name, "--port", "0", *options)
        child = Child(f"local {name}", command, ready="^ready ", folder=tmp_path)
        try:
            urls[name] = child.wait_ready().split()[1]
            answers = ANSWERS[name](urls[name])
        finally:
            child.stop()
        assert answers


ANSWERS = {
    "redis": lambda url: redis.Redis.from_url(url).ping(),
    "dashscope": lambda url: (
        dashscope.TextEmbedding.call(
            model="text-embedding-v4", input="tea", api_key="local", base_address=url
        ).status_code
        == 200
    ),
}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("start", [CLI, MODULE], ids=["cli", "module"])
def test_names_are_told_where_there_is_none_or_a_wrong_one(start: tuple[str, ...]) -> None:
    for arguments in ((), ("mysql",)):
        answer = run(*start, *arguments)

        assert answer.returncode == 2
        assert "{tablestore,dashscope,redis}" in answer.stderr


@pytest.mark.parametrize("start", [CLI, MODULE], ids=["cli", "module"])
def test_help_is_that_of_the_service(start: tuple[str, ...]) -> None:
    assert "{tablestore,dashscope,redis}" in run(*start, "--help").stdout
    assert "--index-lag" in run(*start, "tablestore", "--help").stdout


@pytest.mark.parametrize(
    ("server", "package"), [("tablestore", "aiohttp"), ("dashscope", "aiohttp"), ("redis", "redis")]
)
def test_missing_package_is_told_with_the_extra_that_has_it(server: str, package: str) -> None:
    without = f"import sys; sys.modules[{package!r}] = None; "
    main = "from tablestore_memory.localcloud.__main__ import main; sys.exit(main(sys.argv[1:]))"

    answer = run(sys.executable, "-c", without + main, server)

    assert answer.returncode == 2
    assert answer.stderr == (
        f"{package} is not installed; pip install 'tablestore-memory-worker[local]'\n"
    )

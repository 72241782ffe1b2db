"""The published contract: the schema is the code's, other languages keep it, the install is small."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from tablestore_memory.protocol.events import Message, decode
from tablestore_memory.protocol.schema import event_schema
from tablestore_memory.protocol.streams import Streams
from tests.redis_nodes import Node

ROOT = Path(__file__).parents[2]
SESSION = "session-ü"


def test_schema_in_docs_is_the_codes() -> None:
    written = json.loads((ROOT / "docs" / "events.schema.json").read_text())

    assert written == event_schema(), (
        "run: python -m tablestore_memory.protocol.schema > docs/events.schema.json"
    )


def test_page_names_every_field_of_every_event() -> None:
    page = (ROOT / "docs" / "events.md").read_text()

    for name, definition in event_schema()["$defs"].items():
        for field in definition["properties"]:
            assert f"`{field}`" in page, f"{name}.{field}"


def environment(redis_url: str, prefix: str) -> dict[str, str]:
    return os.environ | {"REDIS_URL": redis_url, "MEMORY_PREFIX": prefix}


def only_event(redis_url: str, prefix: str) -> Any:
    streams = Streams(prefix)
    with redis.Redis.from_url(redis_url) as client:
        ((_, entry),) = client.xrange(streams.events(streams.partition(SESSION)))
    return decode(entry[b"event"])


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_node_publishes_without_this_package(redis_url: str, fresh_name: str) -> None:
    command = [
        "node",
        str(ROOT / "examples" / "publish_node.mjs"),
        "u1",
        SESSION,
        'I like "tea" 茶',
    ]

    subprocess.run(command, env=environment(redis_url, fresh_name), check=True, timeout=60)

    event = only_event(redis_url, fresh_name)
    assert isinstance(event, Message)
    assert event.content == 'I like "tea" 茶'


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_node_says_who_it_is_and_why_it_failed(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.client.config_set("requirepass", "p@ss")
    address = f"127.0.0.1:{node.port}/0"
    command = ["node", str(ROOT / "examples" / "publish_node.mjs"), "u1", SESSION, "hi"]

    def run(url: str) -> "subprocess.CompletedProcess[str]":
        variables = environment(url, "memory")
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)

    known, unknown = run(f"redis://:p%40ss@{address}"), run(f"redis://{address}")
    published = only_event(f"redis://:p%40ss@{address}", "memory")
    node.kill()
    away = run(f"redis://{address}")

    assert (known.returncode, unknown.returncode, away.returncode) == (0, 1, 1)
    assert unknown.stderr.startswith("not published: NOAUTH")
    assert away.stderr.startswith("not published: connect ECONNREFUSED")
    assert published.user_id == "u1"


def test_redis_cli_publishes_without_this_package(
    redis_url: str, fresh_name: str, tmp_path: Path
) -> None:
    variables = environment(redis_url, fresh_name)
    if shutil.which("redis-cli") is None:
        # The same commands, sent as they are; the arithmetic and the JSON are the script's.
        cli = tmp_path / "redis-cli"
        cli.write_text(
            f"#!{sys.executable}\nimport sys, redis\n"
            "redis.Redis.from_url(sys.argv[2]).execute_command(*sys.argv[3:])\n"
        )
        cli.chmod(cli.stat().st_mode | stat.S_IXUSR)
        variables["PATH"] = f"{tmp_path}:{variables['PATH']}"
    script = str(ROOT / "examples" / "publish_redis_cli.sh")

    subprocess.run([script, "u1", SESSION, "I like tea."], env=variables, check=True, timeout=60)

    event = only_event(redis_url, fresh_name)
    assert isinstance(event, Message)
    assert (event.user_id, event.content) == ("u1", "I like tea.")
    assert abs(event.created_at / 1e6 - time.time()) < 60
    assert event.created_at % 1_000_000  # what is said within a second is in order


def test_import_needs_only_redis_and_msgspec() -> None:
    """Anything else outside the standard library cannot be imported, and is not missed."""
    program = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        # redis needs async_timeout on CPython up to 3.11.2, and brings it.
        wanted = {"tablestore_memory", "redis", "msgspec", "async_timeout"}
        if top not in sys.stdlib_module_names | wanted:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
from tablestore_memory import Publisher
assert "redis" not in sys.modules and "asyncio" not in sys.modules  # they are slow to import
Publisher()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=ROOT)


def test_base_install_brings_only_redis_and_msgspec() -> None:
    """What pip would install, by the metadata of what is installed: no network is needed."""
    from importlib.metadata import requires

    def needed(name: str) -> set[str]:
        lines = [line for line in requires(name) or [] if "extra ==" not in line]
        names = {line.split(";")[0].split(">")[0].split("<")[0].strip() for line in lines}
        old_pythons = {line.split(">")[0] for line in lines if "python" in line.partition(";")[2]}
        return names - old_pythons

    assert needed("tablestore-memory-worker") == {"redis", "msgspec"}
    assert needed("redis") == set()
    assert needed("msgspec") == set()

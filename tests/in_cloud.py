"""Fixtures of tests that run in a framework's environment, inside devtools/run.py."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devtools.servers import wait_until
from tablestore_memory import Publisher, Recall

Stored = Callable[[str, str, int], list[dict[str, Any]]]


@pytest.fixture
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    if not os.environ.get("TABLESTORE_ENDPOINT"):
        pytest.fail("no local cloud: run this by devtools/run.py")
    journals = tmp_path_factory.mktemp("journals")
    with Publisher(journal_dir=str(journals)) as publisher:
        yield publisher


@pytest.fixture(scope="session")
def recall() -> Iterator[Recall]:
    """Whose deadline is a machine's that others use too."""
    with Recall.from_env({**os.environ, "MEMORY_RECALL_DEADLINE_S": "10"}) as recall:
        yield recall


@pytest.fixture
def stored() -> Stored:
    """The messages of a session as `memory-worker` lists them, once there are so many."""

    def listed(user: str, session: str) -> list[dict[str, Any]]:
        command = ["memory-worker", "messages", user, session, "--json"]
        answer = subprocess.run(command, check=True, capture_output=True)
        found: list[dict[str, Any]] = json.loads(answer.stdout)
        return found

    def wait(user: str, session: str, count: int) -> list[dict[str, Any]]:
        return wait_until(
            lambda: found if len(found := listed(user, session)) >= count else [],
            f"{count} messages in {session}",
        )

    return wait

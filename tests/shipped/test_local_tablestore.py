"""The local Tablestore in another project: its pytest fixtures and its command, with one extra alone."""

import re
from pathlib import Path

import pytest

from tests.shipped.environments import Environment, running

# An installation takes its time.
pytestmark = pytest.mark.timeout(600)

PAGE = Path(__file__).parents[2] / "docs" / "local-tablestore.md"


def test_example_of_the_documentation_passes(tested: Environment, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(def test_.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "test_example.py").write_text(example)

    ran = tested.run(tested.python, "-m", "pytest", "-q", cwd=tmp_path)

    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_command_serves_it(tested: Environment) -> None:
    command = ("memory-worker", "local", "tablestore", "--port", "0", "--data", ":memory:")

    with running(
        tested, str(tested.folder / "bin" / command[0]), *command[1:], ready=r"ready \S+\n"
    ):
        pass

"""What `make dist` built, installed into environments that hold nothing else, away from the checkout."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.shipped.environments import Environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel() -> Path:
    return _built("*.whl")


@pytest.fixture(scope="session")
def sdist() -> Path:
    return _built("*.tar.gz")


@pytest.fixture(scope="session")
def thin(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As an agent has it: the package and what a publisher needs."""
    return _installed(tmp_path_factory, [str(wheel)])


@pytest.fixture(scope="session")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As an operator has it, with the stand-ins to try it on."""
    return _installed(tmp_path_factory, [f"{wheel}[worker,local]"])


@pytest.fixture(scope="session")
def tested(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As another project has it that tests its own code on Tablestore."""
    return _installed(tmp_path_factory, [f"{wheel}[tablestore]", "pytest"])


def _built(pattern: str) -> Path:
    found = sorted((ROOT / "dist").glob(pattern))
    if len(found) != 1:
        pytest.fail(f"dist/ holds {len(found)} {pattern}: run this by `make dist`")
    return found[0]


def _installed(factory: pytest.TempPathFactory, wanted: Sequence[str]) -> Environment:
    made = Environment(factory.mktemp("venv"), factory.mktemp("home"))
    subprocess.run([sys.executable, "-m", "venv", made.folder], check=True)
    pip = [
        made.python,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "-qq",
        "install",
        "--no-compile",
    ]
    subprocess.run([*pip, "--constraint", ROOT / "constraints.txt", *wanted], check=True)
    return made

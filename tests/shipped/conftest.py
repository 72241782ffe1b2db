"""What `make dist` built, installed into environments that hold nothing else, away from the checkout."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shipped.environments import Environment

ROOT = Path(__file__).parents[2]
Installer = Callable[[Environment], list[str]]


def pip(place: Environment) -> list[str]:
    """Ours, at work in an environment that has none."""
    return [sys.executable, "-m", "pip", "--python", place.python, "-qq", "install", "--no-compile"]


def uv(place: Environment) -> list[str]:
    """Quick, where much is to be installed."""
    program = str(Path(sys.executable).with_name("uv"))
    return [program, "pip", "install", "--quiet", "--python", place.python]


@pytest.fixture(scope="session")
def wheel() -> Path:
    return _built("*.whl")


@pytest.fixture(scope="session")
def sdist() -> Path:
    return _built("*.tar.gz")


@pytest.fixture(scope="session")
def thin(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As an agent has it: the package and what a publisher needs, brought by pip."""
    return _installed(tmp_path_factory, pip, str(wheel))


@pytest.fixture(scope="session")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As an operator has it, with the stand-ins to try it on."""
    return _installed(tmp_path_factory, uv, f"{wheel}[worker,local]")


@pytest.fixture(scope="session")
def tested(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As another project has it that tests its own code on Tablestore."""
    return _installed(tmp_path_factory, uv, f"{wheel}[tablestore]", "pytest")


def _built(pattern: str) -> Path:
    found = sorted((ROOT / "dist").glob(pattern))
    if len(found) != 1:
        pytest.fail(f"dist/ holds {len(found)} {pattern}: run this by `make dist`")
    return found[0]


def _installed(factory: pytest.TempPathFactory, installer: Installer, *wanted: str) -> Environment:
    made = Environment(factory.mktemp("venv"), factory.mktemp("home"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made.folder], check=True)
    constraint = ROOT / "constraints.txt"
    subprocess.run([*installer(made), "--constraint", constraint, *wanted], check=True)
    return made

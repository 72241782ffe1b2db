"""What `make example` would run, without running it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    (name, environment)
    for environment, names in re.findall(
        r"^EXAMPLES_(\w+) +:= (.+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    for name in names.split()
]


def would_run(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--dry-run", "example", f"NAME={name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("name", "environment"), EXAMPLES)
def test_each_example_runs_with_the_packages_that_it_is_for(name: str, environment: str) -> None:
    told = would_run(name)

    assert (ROOT / "examples" / f"{name}.py").is_file()
    assert told.stdout.rstrip().endswith(f" .venv-{environment}/bin/python examples/{name}.py")


def test_unknown_example_is_told_which_there_are() -> None:
    shown = subprocess.run(
        ["make", "example", "NAME=nothing"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert shown.returncode == 2
    assert all(name in shown.stderr for name, _ in EXAMPLES)
    assert shown.stdout == ""

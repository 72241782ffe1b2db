"""What others run of this repository: the workflow, and compose of today, which Debian's is not."""

import subprocess
import sys
import tomllib

import pytest
import yaml

from tests.shipped.conftest import ROOT


@pytest.mark.parametrize(
    "schema, files",
    [
        ("github-workflows", [".github/workflows/ci.yml"]),
        (
            "compose-spec",
            ["docker-compose.yml", "docker-compose.cloud.yml", "deploy/services.yml"],
        ),
    ],
)
def test_files_fit_the_schema_of_what_reads_them(schema: str, files: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout


def test_workflow_runs_ci_on_every_python_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))

    prefix = "Programming Language :: Python :: 3."
    named = [line for line in project["classifiers"] if line.startswith(prefix)]

    (job,) = workflow["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == [line.split(" :: ")[-1] for line in named]
    assert any(step.get("run") == ".ci/run" for step in job["steps"])

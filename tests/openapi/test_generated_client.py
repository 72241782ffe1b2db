"""A generator of clients, unmodified, takes the server's description, and its client does every operation."""

import os
import subprocess
from pathlib import Path

import httpx2
import pytest

from devtools.deployment import Deployment
from tablestore_memory.server.api.table import OPERATIONS
from tests.memory_server import ALL, memory_server, url_of

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-openapi" / "bin"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("generated")


def test_generated_client_does_every_operation(
    deployment: Deployment, generated: Path, fresh_name: str, tmp_path: Path
) -> None:
    with memory_server(deployment.environment, tmp_path) as server:
        description = generated / "openapi.json"
        description.write_text(httpx2.get(f"{url_of(server)}/openapi.json").text)
        environment = os.environ | {
            "PATH": f"{ENVIRONMENT}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(generated / "client"),
            "SERVER": url_of(server),
            "TOKEN": ALL,
        }
        generator = [
            *("openapi-python-client", "generate", "--fail-on-warning"),
            *("--path", str(description), "--output-path", str(generated / "client")),
        ]
        made = subprocess.run(generator, env=environment, capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr

        program = [str(ENVIRONMENT / "python"), str(Path(__file__).with_name("use_client.py"))]
        done = subprocess.run(
            [*program, fresh_name], env=environment, capture_output=True, text=True, timeout=120
        )

    assert done.returncode == 0, done.stdout + done.stderr
    answers = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert answers.pop("refused") == "404 ProblemDetails"
    assert answers.pop("health") == "200 Health"
    assert answers == {
        o.name: f"{o.status} {'str' if isinstance(o.answer, str) else o.answer.__name__}"
        for o in OPERATIONS
    }

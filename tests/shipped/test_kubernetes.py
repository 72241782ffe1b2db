"""deploy/kubernetes/: valid for the API, and in agreement with the Procfile, the settings and Celery."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import redis
import yaml

from tablestore_memory import __version__
from tablestore_memory.server.settings import ServerSettings
from tablestore_memory.worker.app import create_app
from tablestore_memory.worker.dispatch.gate import DRAIN, EXTRACT
from tablestore_memory.worker.settings import Settings
from tests.shipped.conftest import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
# The oldest in which all of it is stable, and the newest that the schemas know.
VERSIONS = ("1.27", kubernetes_validate.latest_version())
WORKERS = ("ingest", "extract")


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def one(path: Path, kind: str) -> dict[str, Any]:
    (found,) = (document for document in documents(path) if document["kind"] == kind)
    return found


def pod(name: str) -> dict[str, Any]:
    kind = "Job" if name == "init" else "Deployment"
    found: dict[str, Any] = one(FOLDER / f"{name}.yaml", kind)["spec"]["template"]
    return found


def container(name: str) -> dict[str, Any]:
    (found,) = pod(name)["spec"]["containers"]
    return dict(found)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_fit_the_schemas_of_the_api(version: str) -> None:
    files = [path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml"]

    for path in files:
        for document in documents(path):
            kubernetes_validate.validate(document, version, strict=True)

    assert len(files) == 5


def test_kustomization_takes_every_manifest_and_the_image_of_this_version() -> None:
    (base,) = documents(FOLDER / "kustomization.yaml")
    (keda,) = documents(FOLDER / "keda" / "kustomization.yaml")

    manifests = {path.name for path in FOLDER.glob("*.yaml")}
    assert set(base["resources"]) == manifests - {"kustomization.yaml", "settings.example.yaml"}
    assert all((FOLDER / "keda" / name).exists() for name in keda["resources"])
    (image,) = base["images"]
    assert image == {"name": container("ingest")["image"], "newTag": __version__}
    assert base["labels"][0]["pairs"]["app.kubernetes.io/version"] == __version__


def test_workers_run_the_commands_of_the_procfile() -> None:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    procfile = {
        name: command.removeprefix("exec ").removeprefix("env REMAP_SIGTERM=SIGQUIT ").split()
        for name, command in (line.split(": ", 1) for line in lines)
    }

    server = [*procfile.pop("server")[:2], *("--host", "0.0.0.0", "--port", "8089")]
    assert {name: container(name)["command"] for name in WORKERS} == procfile
    assert container("server")["command"] == server
    assert container("init")["command"] == ["memory-worker", "init"]


@pytest.mark.parametrize("name", WORKERS)
def test_probes_ask_for_the_queue_that_the_worker_consumes(name: str) -> None:
    said = container(name)
    queue = option(said["command"], "-Q")

    for probe in ("startupProbe", "livenessProbe"):
        command = said[probe]["exec"]["command"]
        assert command == ["memory-worker", "health", "--worker", "%h", "--queue", queue]


@pytest.mark.parametrize("name", [*WORKERS, "server"])
def test_disruption_budget_is_for_the_pods_of_its_worker(name: str) -> None:
    budget = one(FOLDER / f"{name}.yaml", "PodDisruptionBudget")

    assert budget["spec"]["selector"]["matchLabels"] == pod(name)["metadata"]["labels"]


@pytest.mark.parametrize("name", ["init", *WORKERS, "server"])
def test_pods_run_as_nobody_in_particular(name: str) -> None:
    user = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("\nUSER ")[1].split()[0]

    assert user.isdigit() and user != "0"  # Kubernetes cannot tell of a name that it is not root
    assert pod(name)["spec"]["securityContext"]["runAsNonRoot"]
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_example_settings_are_those_that_are_needed_and_secrets_stand_in_the_secret() -> None:
    plain = one(FOLDER / "settings.example.yaml", "ConfigMap")["data"]
    secret = one(FOLDER / "settings.example.yaml", "Secret")["stringData"]
    fields = ServerSettings.model_fields.values()

    assert set(plain) | set(secret) >= {f.alias for f in fields if f.is_required()}
    assert set(plain) | set(secret) <= {f.alias for f in fields}
    assert set(plain).isdisjoint({f.alias for f in fields if "SecretStr" in str(f.annotation)})
    for name in ("init", *WORKERS, "server"):
        assert container(name)["envFrom"] == [
            {"configMapRef": {"name": "memory-worker"}},
            {"secretRef": {"name": "memory-worker"}},
        ]


def scaled() -> dict[str, dict[str, Any]]:
    found = documents(FOLDER / "keda" / "scaledobjects.yaml")
    return {each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in found}


def test_scaling_looks_at_what_waits_in_celery_s_lists(empty_redis_url: str) -> None:
    needed = {str(f.alias): "http://x" for f in Settings.model_fields.values() if f.is_required()}
    app = create_app(Settings.from_env(needed | {"REDIS_URL": empty_redis_url}))

    for task in (DRAIN, EXTRACT):
        app.send_task(task, args=[0])

    with redis.Redis.from_url(empty_redis_url) as client:
        waiting = {
            name: client.llen(spec["triggers"][0]["metadata"]["listName"])
            for name, spec in scaled().items()
        }
    assert waiting == {"memory-ingest": 1, "memory-extract": 1}


@pytest.mark.parametrize("name", WORKERS)
def test_scaling_counts_on_as_much_as_one_worker_does_at_a_time(name: str) -> None:
    deployment = one(FOLDER / f"{name}.yaml", "Deployment")["metadata"]["name"]

    target = scaled()[deployment]["triggers"][0]["metadata"]["listLength"]

    assert target == option(container(name)["command"], "-c")


def test_scaling_stops_where_partitions_would_have_no_work_for_more() -> None:
    partitions = Settings.model_fields["partitions"].default

    most = scaled()["memory-ingest"]["maxReplicaCount"]

    assert most * int(option(container("ingest")["command"], "-c")) == partitions

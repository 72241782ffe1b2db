"""The two compose files: what compose itself makes of them, and that it agrees with the code and the Procfile."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from tablestore_memory.server.settings import ServerSettings
from tablestore_memory.worker.settings import Settings
from tests.compose import CLOUD, LOCAL, ROOT, copy_to, published, services

SETTINGS = {str(field.alias) for field in ServerSettings.model_fields.values()}
NEEDED = {str(field.alias) for field in Settings.model_fields.values() if field.is_required()}
WORKERS = ("ingest", "extract")
WITH_SETTINGS = ("init", *WORKERS, "server")
Compose = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as somebody has them who copied cloud.env.example and gave every setting a value."""
    made = tmp_path_factory.mktemp("compose")
    copy_to(made)
    values = (f"{name}=value of {name}" for name in sorted(SETTINGS))
    (made / "deploy" / "cloud.env").write_text("\n".join(values), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def local(folder: Path) -> Compose:
    return services(folder, LOCAL)


@pytest.fixture(scope="module")
def cloud(folder: Path) -> Compose:
    return services(folder, CLOUD)


@pytest.fixture(scope="module", params=["local", "cloud"])
def either(request: pytest.FixtureRequest) -> Compose:
    found: Compose = request.getfixturevalue(request.param)
    return found


def test_local_settings_are_valid_and_those_of_all_processes(local: Compose) -> None:
    init, *others = (local[name]["environment"] for name in WITH_SETTINGS)

    settings = Settings.from_env(init)

    assert others == [init] * 3
    assert set(init) - {"NO_PROXY"} <= SETTINGS
    addresses = (settings.redis_url, settings.tablestore_endpoint, settings.dashscope_url)
    hosts = [re.split("[/:]+", str(address))[1] for address in addresses]
    assert hosts == ["redis", "tablestore", "dashscope"]
    assert hosts == init["NO_PROXY"].split(",")


def test_what_runs_on_the_machine_has_no_say_in_the_containers(
    local: Compose, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    for name in SETTINGS:
        monkeypatch.setenv(name, "of the shell")

    beside = services(tmp_path, LOCAL)

    assert [s.get("environment") for s in beside.values()] == [
        s.get("environment") for s in local.values()
    ]


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_every_setting_reaches_the_processes_in_the_cloud(cloud: Compose, name: str) -> None:
    assert cloud[name]["environment"] == {setting: f"value of {setting}" for setting in SETTINGS}


def test_workers_in_the_cloud_know_no_stand_in(tmp_path: Path) -> None:
    """As told: the example copied, the needed settings filled in, the address of Qwen left out."""
    copy_to(tmp_path)
    example = (tmp_path / "deploy" / "cloud.env.example").read_text(encoding="utf-8")
    filled = re.sub(r"^(\w+)=$", r"\1=https://filled.in", example, flags=re.MULTILINE)
    (tmp_path / "deploy" / "cloud.env").write_text(filled, encoding="utf-8")

    found = services(tmp_path, CLOUD)

    assert set(found) == {"redis", *WITH_SETTINGS}
    for name in WITH_SETTINGS:
        settings = Settings.from_env(found[name]["environment"])
        assert settings.dashscope_url == Settings.model_fields["dashscope_url"].default
        assert settings.redis_url == "redis://redis:6379/0"


def test_example_for_the_cloud_names_what_is_needed_and_nothing_unknown() -> None:
    example = ROOT / "deploy" / "cloud.env.example"

    named = set(dotenv_values(example))

    assert named >= NEEDED
    assert named <= SETTINGS


def test_workers_run_the_commands_of_the_procfile(either: Compose) -> None:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    procfile = dict(line.split(": ", 1) for line in lines)

    commands = {
        name: command.removeprefix("exec ").removeprefix("env REMAP_SIGTERM=SIGQUIT ").split()
        for name, command in procfile.items()
    }

    server = [*commands.pop("server")[:2], *("--host", "0.0.0.0", "--port", "8089")]
    assert commands == {name: either[name]["command"] for name in WORKERS}
    assert either["server"]["command"] == server


def test_workers_start_when_the_tables_are_made(either: Compose) -> None:
    for name in (*WORKERS, "server"):
        waits_for = either[name]["depends_on"]

        assert waits_for["init"]["condition"] == "service_completed_successfully"
        assert either["init"]["restart"] == "no"  # or it would never have completed


def test_local_services_start_when_what_they_need_is_healthy(local: Compose) -> None:
    needs = {"init": {"tablestore"}, "ingest": {"redis", "dashscope"}}

    for name, others in needs.items():
        conditions = {other: local[name]["depends_on"][other]["condition"] for other in others}
        assert set(conditions.values()) == {"service_healthy"}


def test_every_service_that_stays_says_whether_it_is_healthy(either: Compose) -> None:
    staying = {name for name in either if name != "init"}

    assert {name for name in either if "healthcheck" in either[name]} == staying


def test_health_of_a_worker_is_asked_of_the_queue_it_consumes(either: Compose) -> None:
    for name in WORKERS:
        command = either[name]["command"]
        queue = command[command.index("-Q") + 1]

        test = either[name]["healthcheck"]["test"]

        assert test == ["CMD", "memory-worker", "health", "--worker", "%h", "--queue", queue]


def test_services_are_found_where_the_example_settings_look(local: Compose) -> None:
    settings = Settings.from_env(
        {k: v or "" for k, v in dotenv_values(ROOT / ".env.example").items()}
    )
    addresses = {
        "redis": settings.redis_url,
        "tablestore": str(settings.tablestore_endpoint),
        "dashscope": str(settings.dashscope_url),
    }

    for name, address in addresses.items():
        host, port, _ = published(local[name])
        assert f"//{host}:{port}/" in address


def test_nothing_is_published_beyond_the_machine(either: Compose) -> None:
    hosts = {published(service)[0] for service in either.values() if "ports" in service}

    assert hosts == {"127.0.0.1"}


def test_local_servers_are_started_with_options_they_have(local: Compose) -> None:
    for name in ("tablestore", "dashscope"):
        python, *arguments = local[name]["command"]

        told = subprocess.run(
            [sys.executable, *arguments[:3], "--help"], capture_output=True, text=True, check=True
        ).stdout

        assert (python, arguments[2]) == ("python", name)
        for option in arguments[3:]:
            assert not option.startswith("--") or option in told

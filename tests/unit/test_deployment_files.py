"""Procfile, compose file, Dockerfile and example settings agree with the code and with each other."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from tablestore_memory.worker.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_example_settings_name_every_variable_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    named = set(re.findall(r"^#? ?([A-Z_]{4,})=", text, re.MULTILINE))
    named |= set(re.findall(r": (TABLESTORE_[A-Z_]+)=", text))

    wanted = {str(field.alias) for field in Settings.model_fields.values()}
    assert named - {"NO_PROXY"} == wanted


def test_example_settings_are_valid_as_they_stand() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    pairs = [line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z]", line)]

    settings = Settings.from_env(dict(pairs))

    assert settings.redis_url == "redis://127.0.0.1:6399/0"


def test_compose_runs_the_same_worker_commands_as_the_procfile() -> None:
    procfile = dict(
        line.split(": ", 1) for line in (ROOT / "Procfile").read_text("utf-8").splitlines()
    )

    commands = {
        name: command.removeprefix("exec env REMAP_SIGTERM=SIGQUIT ")
        for name, command in procfile.items()
    }

    assert commands == {name: COMPOSE["services"][name]["command"] for name in procfile}


def test_local_servers_are_started_with_options_they_have() -> None:
    lines = [COMPOSE["services"][name]["command"] for name in ("tablestore", "dashscope")]

    for line in lines:
        name, options = re.findall(r"localcloud (\w+)(.*)", line)[0]
        help_text = subprocess.run(
            [sys.executable, "-m", "tablestore_memory.localcloud", name, "--help"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for option in re.findall(r"--[a-z-]+", options):
            assert option in help_text, line


def test_compose_passes_settings_that_exist_with_valid_defaults() -> None:
    environment = COMPOSE["services"]["ingest"]["environment"]
    defaults = {
        name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in environment.items()
    }

    settings = Settings.from_env(defaults)

    assert settings.partitions == 8
    assert set(environment) <= {str(field.alias) for field in Settings.model_fields.values()}

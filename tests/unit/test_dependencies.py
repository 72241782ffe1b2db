"""Whatever a package of ours imports, installing it brings: nothing comes in by another package's favour."""

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# The extras with which each folder is installed; the base comes with all of them.
EXTRAS = {
    "protocol": [],
    "producer": [],
    "producer/agentscope": ["agentscope"],
    "recall": ["recall"],
    "adapters": ["recall"],
    "adapters/langchain.py": ["langchain"],
    "adapters/langgraph.py": ["langgraph"],
    "adapters/openai_agents.py": ["openai-agents"],
    "worker": ["worker"],
    # Imported where it is wanted, or loaded by the app.
    "worker/tracing": ["worker", "otel"],
    "worker/cli/server.py": ["server"],
    "server": ["server"],
    "localcloud": ["local"],
    # For who tests with pytest, which loads it.
    "localcloud/tablestore/pytest_plugin.py": ["tablestore", "dev"],
}
FRAMEWORKS = {"agentscope", "agentscope2", "langchain", "langgraph", "openai-agents"}
# Frameworks live in other environments; there most modules are called like their packages.
ELSEWHERE = {"agents": "openai-agents", "langgraph": "langgraph-checkpoint"}


@cache
def distributions() -> Mapping[str, list[str]]:
    """Read when a test asks, as reading all that is installed takes a while."""
    return packages_distributions()


def brought_by(extra: str) -> set[str]:
    """An extra of ours may consist of others."""
    names: set[str] = set()
    for line in PROJECT["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name == PROJECT["name"]:
            names = names.union(*map(brought_by, requirement.extras))
        else:
            names.add(canonicalize_name(requirement.name))
    return names


def declared(folder: str) -> set[str]:
    base = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    return base.union(*map(brought_by, EXTRAS[folder]))


def modules(folder: str) -> Iterator[Path]:
    inner = [ROOT / other for other in EXTRAS if other.startswith(f"{folder}/")]
    top = ROOT / folder
    for path in top.rglob("*.py") if top.is_dir() else [top]:
        if not any(path.is_relative_to(other) for other in inner):
            yield path


def imported(path: Path) -> set[str]:
    """The distributions whose modules a file imports, in functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    foreign = tops - sys.stdlib_module_names - {"tablestore_memory"}
    return {
        canonicalize_name(distributions().get(top, [ELSEWHERE.get(top, top)])[0]) for top in foreign
    }


@pytest.mark.parametrize("folder", EXTRAS)
def test_imports_of_a_folder_are_dependencies_of_its_extra(folder: str) -> None:
    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(folder)
        for name in imported(path) - declared(folder)
    }

    assert undeclared == set()


def test_every_folder_of_the_package_is_looked_at() -> None:
    folders = {path.name for path in (ROOT / "tablestore_memory").iterdir() if path.is_symlink()}

    assert folders == {name for name in EXTRAS if "/" not in name}


def test_dependencies_are_pinned_for_the_checkout() -> None:
    pinned = {
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    # Those of the frameworks have their own files.
    extras = PROJECT["optional-dependencies"].keys() - FRAMEWORKS
    wanted = declared("protocol").union(*map(brought_by, extras))

    assert wanted - pinned == set()

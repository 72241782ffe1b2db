"""Change the critical modules in small ways and see that tests notice: `python -m devtools.mutants [GROUP …]`.

pyproject.toml says which modules and tests make a group ([tool.mutants]). mutmut works on each in a folder of
its own that looks like the checkout; servers are started once, for the tests of all mutants. It exits with 1
if fewer than `_WANTED` of all mutants were noticed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from devtools.servers import SHARED, Server
from devtools.stack import ROOT
from tablestore_memory.localcloud.lifetime import terminated_with_parent

_FOLDER = ROOT / ".local" / "mutants"
_WANTED = 0.85
_SEEN_BY_TESTS = ("tablestore_memory", "tests", "devtools", "examples", "docs", "README.md")
_SERVERS = {
    "redis": ("--appendonly", "no"),
    "tablestore": ("--data", ":memory:", "--index-lag", "0", "--faults"),
    "dashscope": ("--faults",),
}
# mutmut's exit codes of a mutant's tests: failed, died of it, took too long. Anything else is not noticed.
_NOTICED = {1: "killed", 3: "killed", -24: "timeout", 24: "timeout", 36: "timeout", 152: "timeout"}
# Starting pytest is most of what a mutant costs: with two plugins and without its reports it takes a quarter.
_PLUGINS = ("pytest_asyncio.plugin", "pytest_timeout")
_NOT_NEEDED = (
    "unraisableexception",
    "threadexception",
    "cacheprovider",
    "warnings",
    "junitxml",
    "doctest",
)
# No test of a group takes a tenth of it: what takes longer hangs, and is noticed by that.
_TEST_S = 30
# Of all tests of a mutant, for what no test can end: generous, as a machine may be busy.
_TIMEOUTS = {"timeout_multiplier": 15.0, "timeout_constant": 2.0}


@dataclass(frozen=True)
class Group:
    """Modules, and the tests that must notice what is changed in them."""

    name: str
    modules: list[str]
    tests: list[str]

    @property
    def folder(self) -> Path:
        return _FOLDER / self.name

    @property
    def is_made(self) -> bool:
        """Whether all its mutants are there, tried or not."""
        return all(self._told(module).exists() for module in self.modules)

    def results(self) -> Iterator[tuple[str, str, int | None]]:
        """Module, mutant, exit code of its tests: None for one that was not tried."""
        for module in self.modules:
            told = json.loads(self._told(module).read_text())
            for mutant, code in told["exit_code_by_key"].items():
                yield module, mutant, code

    def _told(self, module: str) -> Path:
        return self.folder / "mutants" / f"{module}.meta"


def main() -> int:
    groups = _groups()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("group", nargs="*", choices=[*groups, []], help="only these")
    parser.add_argument(
        "--again",
        action="store_true",
        help="go on with a run that was broken off, and with what was not noticed in it",
    )
    arguments = parser.parse_args()
    chosen = [groups[name] for name in arguments.group or groups]
    with ExitStack() as contexts:
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        for name, options in _SERVERS.items():
            server = contexts.enter_context(Server.start(name, *options))
            environment[SHARED.format(name.upper())] = server.url
        for group in chosen:
            _run(group, environment, again=arguments.again)
    return _report(chosen)


def _groups() -> dict[str, Group]:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    return {name: Group(name, **group) for name, group in tool["mutants"].items()}


def _run(group: Group, environment: Mapping[str, str], *, again: bool) -> None:
    if not again:
        shutil.rmtree(group.folder, ignore_errors=True)
    if not group.folder.exists():
        _lay_out(group)
    missed = (
        [mutant for _, mutant, code in group.results() if code not in _NOTICED]
        if group.is_made
        else []
    )
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *missed]
    subprocess.run(
        command,
        cwd=group.folder,
        env=dict(environment),
        check=True,
        preexec_fn=terminated_with_parent,
    )


def _lay_out(group: Group) -> None:
    group.folder.mkdir(parents=True)
    for name in _SEEN_BY_TESTS:
        (group.folder / name).symlink_to(ROOT / name)
    plugins = [*_PLUGINS, *(f"no:{name}" for name in _NOT_NEEDED)]
    settings = {
        "source_paths": group.modules,
        "also_copy": _SEEN_BY_TESTS,
        "pytest_add_cli_args": [*(f"-p{plugin}" for plugin in plugins), f"--timeout={_TEST_S}"],
        "pytest_add_cli_args_test_selection": group.tests,
        **_TIMEOUTS,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    ours = (ROOT / "pyproject.toml").read_text()
    (group.folder / "pyproject.toml").write_text("\n".join([ours, "[tool.mutmut]", *lines, ""]))


def _report(groups: list[Group]) -> int:
    """Print the score of each module and in all."""
    results = [result for group in groups for result in group.results()]
    for group in groups:
        for mutant in (mutant for _, mutant, code in group.results() if code not in _NOTICED):
            print(f"not noticed: {mutant}")
    every = Counter(module for module, _, _ in results)
    noticed = Counter(module for module, _, code in results if code in _NOTICED)
    for module in every:
        print(
            f"{module:50} {noticed[module]:4} of {every[module]:4} {noticed[module] / every[module]:.0%}"
        )
    score = noticed.total() / every.total()
    print(f"{'in all':50} {noticed.total():4} of {every.total():4} {score:.1%}")
    return 0 if score >= _WANTED else 1


if __name__ == "__main__":
    sys.exit(main())

"""The tables in the documents, the example settings and the lists of names say what the code says."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
import typer

from tablestore_memory.producer import settings as producer
from tablestore_memory.server.settings import ServerSettings
from tablestore_memory.worker.cli.commands import command_line
from tablestore_memory.worker.failures import errors
from tests.documents import table, words_in_code

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


# Log events


def logged(room: str) -> dict[str, set[str]]:
    """The events that a room logs, with their fields; `…` for those that are not named in the code."""
    events: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / room).rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and (event := _event(call)):
                events[event] |= {keyword.arg or "…" for keyword in call.keywords} - {"exc_info"}
    return dict(events)


def _event(call: ast.Call) -> str | None:
    match call:
        case ast.Call(
            func=ast.Attribute(attr=level, value=ast.Name(id="log") | ast.Attribute(attr="_log")),
            args=[ast.Constant(value=str(event)), *_],
        ) if level in LEVELS:
            return event
    return None


@pytest.mark.parametrize(
    ("room", "document"),
    [("worker", "operating.md"), ("producer", "publishing.md"), ("server", "server.md")],
)
def test_documented_log_events_and_their_fields_are_those_of_the_code(
    room: str, document: str
) -> None:
    documented = {}
    for event, _, listed in table(document, "event"):
        without_remarks = re.sub(r"\([^)]*\)", "", listed)
        documented[event.strip("`")] = {
            name for field in without_remarks.split(",") if (name := field.strip())
        }

    assert documented == logged(room)


# Settings


def test_example_settings_give_every_default() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()

    missing = [
        wanted
        for field in ServerSettings.model_fields.values()
        if not field.is_required()
        and (wanted := f"# {field.alias}={'' if field.default is None else field.default}")
        not in lines
    ]
    assert missing == []


def test_documented_settings_of_a_publisher_are_those_of_the_code() -> None:
    documented = {
        row[0].strip("`"): (row[1].strip("`"), row[2]) for row in table("publishing.md", "argument")
    }

    assert list(documented) == [setting.name for setting in fields(producer.Settings)]
    for setting in fields(producer.Settings):
        variable, default = documented[setting.name]
        assert variable == producer.environment_name(setting.name)
        if setting.default is not MISSING:
            assert meant(default) == setting.default, setting.name


UNITS = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def meant(cell: str) -> Any:
    """A default as the code has it: the first word in code, else the number with its unit."""
    if words := words_in_code(cell):
        return words[0]
    number, unit = re.fullmatch(r"([\d.,]+)(?: (\w+).*)?", cell).groups()  # type: ignore[union-attr]
    return float(number.replace(",", "")) * UNITS.get(unit, 1)


# Commands


def commands() -> set[str]:
    return set(_names(command_line(), ""))


def _names(group: typer.Typer, before: str) -> Iterator[str]:
    for command in group.registered_commands:
        yield before + (command.name or command.callback.__name__)  # type: ignore[union-attr]
    for subgroup in group.registered_groups:
        assert subgroup.typer_instance is not None
        yield from _names(subgroup.typer_instance, f"{before}{subgroup.name} ")


def test_commands_that_the_readme_lists_are_those_there_are() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    paragraph = next(p for p in readme.split("\n\n") if p.startswith("`memory-worker` "))

    listed = [word for word in words_in_code(paragraph) if not word.startswith(("memory", "--"))]

    assert sorted(listed) == sorted({command.split()[0] for command in commands()})


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.*")],
    ids=lambda path: path.name,
)
def test_commands_that_documents_speak_of_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = commands()

    spoken_of = re.findall(r"memory-worker ([a-z]+)(?: ([a-z]+)\b)?", text)

    words = {command.split()[0] for command in known}
    groups = {command.split()[0] for command in known if " " in command}
    for command, sub in spoken_of:
        assert command in words, command
        assert command not in groups or not sub or f"{command} {sub}" in known, f"{command} {sub}"


# Places in the code


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")],
    ids=lambda path: path.name,
)
def test_files_that_documents_point_to_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    places = re.findall(
        r"`((?:worker|producer|protocol|recall|server|localcloud|devtools)/[\w/.]*)`", text
    )
    links = [path.parent / link for link in re.findall(r"\]\((?!https?://)([^)#]+)", text)]

    assert [
        each for each in (*(ROOT / place for place in places), *links) if not each.exists()
    ] == []


def test_example_of_a_test_is_one_of_the_tests() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", contributing, re.DOTALL)

    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert any(example in source for source in sources)


# Failures


def error_tree() -> dict[str, str]:
    """Every class of the worker's errors, and what it is a kind of."""
    return {
        name: kind.__bases__[0].__name__
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    }


def drawn_tree() -> dict[str, str]:
    """The same as the module's docstring draws it."""
    found: dict[str, str] = {}
    above: list[tuple[int, str]] = [(-1, "Exception")]
    for branch, name in re.findall(
        r"^ {4}([│├└─ ]*)([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE
    ):
        while above[-1][0] >= len(branch):
            above.pop()
        found[name] = above[-1][1]
        above.append((len(branch), name))
    return found


def test_drawn_tree_of_errors_is_the_tree_of_the_classes() -> None:
    assert drawn_tree() == error_tree()


def test_table_of_failures_says_what_is_done_about_every_error() -> None:
    named = {word for row in table("failures.md", "what") for word in words_in_code(row[1])}
    kinds = {name: getattr(errors, name).__mro__ for name in error_tree() if name != "WorkerError"}

    assert named - {"MalformedEvent"} <= set(kinds)
    assert [n for n, kind in kinds.items() if not named & {each.__name__ for each in kind}] == []

"""What docs/architecture.md says of the keys in Redis is what the code says, and nowhere else is a key named."""

import re
from pathlib import Path

import tablestore_memory.worker
from tests.documents import table
from tests.redis_keys import key_rows

WORKER = Path(tablestore_memory.worker.__file__).parent
SCRIPTS = WORKER / "state" / "scripts"


def found_in_worker(pattern: str, *, but_in: Path) -> list[str]:
    sources = (path for path in WORKER.rglob("*.py") if but_in not in (path, path.parent))
    return [
        f"{path.relative_to(WORKER)}:{number}"
        for path in sources
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_documented_keys_are_those_of_the_code() -> None:
    documented = [tuple(row) for row in table("architecture.md", "key")]

    assert documented == [(f"`{row.name}`", row.kind, row.kept, row.meaning) for row in key_rows()]


def test_key_is_named_in_one_module() -> None:
    assert found_in_worker(r"streams\.key\(|prefix\}:", but_in=WORKER / "state" / "keys.py") == []


def test_script_stands_in_a_file_of_its_own() -> None:
    assert found_in_worker(r"\.eval(sha)?\(|register_script|\"EVAL", but_in=SCRIPTS) == []


def test_no_script_is_left_that_nobody_calls() -> None:
    called = "\n".join(path.read_text(encoding="utf-8") for path in WORKER.rglob("*.py"))
    shared = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS.glob("*.lua"))

    unused = [
        path.name
        for path in SCRIPTS.glob("*.lua")
        if not re.search(rf"@script\ndef {path.stem}\(", called)
        and not re.search(rf"^-- WITH:.*\b{path.stem}\b", shared, re.MULTILINE)
    ]
    assert unused == []

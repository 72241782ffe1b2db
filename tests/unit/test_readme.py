"""What the README's first screen says is so."""

import re
import subprocess
import sys
from pathlib import Path

import redis

from tablestore_memory.protocol.streams import Streams

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def first_block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found, f"no {language or 'plain'} block in the README"
    return found[1]


def test_publishing_code_of_the_readme_publishes(empty_redis_url: str, tmp_path: Path) -> None:
    code = first_block("python")
    local = code.replace("redis://127.0.0.1:6399/0", empty_redis_url)

    subprocess.run(
        [sys.executable, "-c", local],
        cwd=ROOT,
        env={"PATH": "", "XDG_STATE_HOME": str(tmp_path)},
        check=True,
        timeout=60,
    )

    assert local != code
    assert len(code.splitlines()) <= 10
    streams = Streams()
    with redis.Redis.from_url(empty_redis_url) as client:
        assert sum(client.xlen(streams.events(p)) for p in range(streams.partitions)) == 4


def test_commands_of_the_readme_are_targets_that_ci_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    commands = re.findall(r"^make (\w+)", first_block(""), re.MULTILINE)

    assert commands == ["demo", "test"]
    for command in commands:
        assert f"\n{command}:" in makefile
        assert re.search(rf"^(make|two_at_a_time)\b.* {command}\b", ci, re.MULTILINE)


def test_documents_the_readme_points_to_exist() -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", README)

    assert len(links) > 8
    for link in links:
        assert (ROOT / link).exists(), link

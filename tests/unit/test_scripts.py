"""Lua scripts behind typed functions: named keys and arguments, checked when the function is made."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from redis import Redis

from tablestore_memory.worker.state import scripts
from tablestore_memory.worker.state.scripts import ScriptMismatch, script


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scripts, "files", lambda package: tmp_path)
    return tmp_path


def test_names_of_the_header_are_locals_of_the_script(redis: Redis, files: Path) -> None:
    (files / "joined.lua").write_text(
        "-- KEYS: list\n-- ARGV: first rest...\nreturn {list, first, unpack(rest)}"
    )

    @script
    def joined(redis: Redis, *, list: str, first: str, rest: Sequence[str]) -> list[bytes]: ...

    assert joined(redis, list="k", first="a", rest=["b", "c"]) == [b"k", b"a", b"b", b"c"]


def test_every_script_knows_the_time_of_redis(redis: Redis, files: Path) -> None:
    (files / "moment.lua").write_text("return now_ms()")

    @script
    def moment(redis: Redis) -> int: ...

    before = int(redis.time()[0]) * 1000
    assert before <= moment(redis) <= before + 60_000


def test_header_and_signature_that_differ_are_found_when_the_function_is_made(files: Path) -> None:
    (files / "renewed.lua").write_text("-- KEYS: lease\n-- ARGV: token ttl_ms\nreturn 1")

    with pytest.raises(ScriptMismatch, match="ttl_ms"):

        @script
        def renewed(redis: Redis, *, lease: str, ttl_ms: int, token: str) -> int: ...


def test_script_in_a_pipeline_is_queued_there(redis: Redis, files: Path) -> None:
    (files / "answered.lua").write_text("-- ARGV: number\nreturn tonumber(number)")

    @script
    def answered(redis: Redis, *, number: int) -> int: ...

    with redis.pipeline(transaction=False) as pipe:
        answered(pipe, number=1)
        answered(pipe, number=2)

        assert pipe.execute() == [1, 2]

"""The local Redis is a real server with a supervised life."""

import os
from pathlib import Path

import pytest
import redis

from devtools.child import CannotStart
from devtools.servers import Server, wait_until


def test_it_serves_streams_and_refuses_to_evict(redis_url: str, fresh_name: str) -> None:
    client = redis.Redis.from_url(redis_url)

    client.xadd(fresh_name, {"event": "1"})

    assert client.xlen(fresh_name) == 1
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_acknowledged_writes_outlive_a_kill(tmp_path: Path) -> None:
    with Server.start("redis", "--dir", str(tmp_path)) as server:
        client = redis.Redis.from_url(server.url)
        client.set("kept", "yes")

        server.kill()
        server.restart()

        assert client.get("kept") == b"yes"


def test_sigterm_ends_it_with_zero(tmp_path: Path) -> None:
    with Server.start("redis", "--dir", str(tmp_path)) as server:
        assert server.stop() == 0


def test_killed_wrapper_takes_the_server_with_it(tmp_path: Path) -> None:
    with Server.start("redis", "--dir", str(tmp_path)) as server:
        pid = redis.Redis.from_url(server.url).info("server")["process_id"]

        server.kill()

        wait_until(lambda: not _runs(pid), f"the end of the Redis process {pid}")


def test_port_in_use_is_an_error_that_names_it(tmp_path: Path) -> None:
    with Server.start("redis", "--dir", str(tmp_path)) as first:
        second = Server("redis", "--dir", str(tmp_path / "second"))
        second.url = first.url

        with pytest.raises(CannotStart, match="did not get ready"):
            second.restart()

        assert str(first.port) in second.output


def test_second_server_in_a_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with Server.start("redis", "--dir", str(tmp_path)) as first:
        with pytest.raises(CannotStart, match="another Redis serves from"):
            Server.start("redis", "--dir", str(tmp_path))

        assert redis.Redis.from_url(first.url).ping()


def test_folder_is_free_again_when_its_server_was_killed(tmp_path: Path) -> None:
    with Server.start("redis", "--dir", str(tmp_path)) as first:
        first.kill()

        with Server.start("redis", "--dir", str(tmp_path)) as second:
            assert redis.Redis.from_url(second.url).ping()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

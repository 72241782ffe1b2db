"""What of a URL may be shown."""

import pytest

from tablestore_memory.worker.operations.places import place_of


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "host:6379"),
        ("redis://:hush@host:6379/0?password=hush#hush", "host:6379"),
        ("rediss://me:hu%40sh@host/0", "host"),
        ("redis://me:hu@sh@host:1/0", "host:1"),
        ("redis+cluster://me:hush@a:1,b:2", "a:1,b:2"),
        ("redis+sentinel://:hush@a:1,b:2/events/0?sentinel_password=hush", "a:1,b:2"),
        ("redis://[::1]:6379/0", "::1:6379"),
        ("unix://me:hush@/run/redis.sock?db=1&password=hush", "/run/redis.sock"),
        # Not percent-encoded, so that what stands before the slash looks like the host.
        ("redis://:hu/sh@host:1/0", "the address that was given"),
        ("redis://me:hu/sh@host:1/0", "the address that was given"),
        ("https://me:hush@host.example/api/v1", "host.example"),
    ],
)
def test_host_and_port_are_shown_and_no_more(url: str, shown: str) -> None:
    assert place_of(url) == shown

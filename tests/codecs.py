"""The SDK's two codecs: where its native one loads, and clients that take one or the other."""

import platform
import sys
from typing import Any

import pytest
import tablestore as ots

IS_HOME = (sys.implementation.name, sys.version_info[:2], sys.platform, platform.machine()) == (
    "cpython",
    (3, 12),
    "linux",
    "x86_64",
)
"""Whether the native codec must be there: CPython 3.12 on x86-64 Linux."""

needs_native_codec = pytest.mark.skipif(
    not IS_HOME, reason="the SDK's native codec loads on CPython 3.12, x86-64 Linux, alone"
)


def client(url: str, *, native: bool) -> Any:
    """One that uses this codec for whatever it does, and no other where it fails."""
    return ots.OTSClient(
        *(url, "local", "local", "local"),
        enable_native=native,
        native_fallback=False,
        retry_policy=ots.NoRetryPolicy(),
    )

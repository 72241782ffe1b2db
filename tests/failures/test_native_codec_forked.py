"""The SDK's native codec starts a thread when it is imported, and a prefork worker forks after that."""

import subprocess
import sys
from pathlib import Path

from tests.codecs import needs_native_codec

pytestmark = needs_native_codec

ROOT = Path(__file__).parents[2]


def test_children_forked_while_the_codec_works_come_to_the_same_bytes() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.failures.forking_codec", "100"]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=90, check=False)

    assert ended.returncode == 0, ended.stderr.decode()

"""How the server listens, and what it does before it says that it is ready."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from devtools.deployment import Deployment
from tablestore_memory.server.serving import listening

# Says how much is frozen when the server says that it is ready.
SERVED = """
import gc, os
from tablestore_memory.server.serving import serve
from tablestore_memory.server.settings import ServerSettings

def say(line):
    if line.startswith("ready "):
        print(gc.get_freeze_count(), flush=True)
        os._exit(0)

serve(ServerSettings.from_env(os.environ), "127.0.0.1", 0, say)
"""


def test_answers_are_not_held_back_until_others_are_acknowledged() -> None:
    with listening("127.0.0.1", 0) as listener:
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()

        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_collector_does_not_look_through_what_a_server_has_loaded(
    deployment: Deployment, tmp_path: Path
) -> None:
    served = subprocess.run(
        [sys.executable, "-c", SERVED],
        env={**os.environ, **deployment.environment, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert int(served.stdout) > 10_000

"""Run one command with everything it needs on this machine: servers, tables, workers.

    .venv/bin/python examples/with_local_cloud.py [--data FOLDER] COMMAND …

The command finds the services in its environment; its exit code is ours. What is stored stays in the
folder for the next run; without one it is gone at the end.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from local_cloud import local_cloud


def main() -> int:
    """Start the services, run the command, end the services however the command ended."""
    arguments = _arguments()
    with ExitStack() as stack:
        data = arguments.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        environment = stack.enter_context(local_cloud(data))
        # Ctrl-C is the command's, which is in the foreground with us; a handler is not inherited.
        signal.signal(signal.SIGINT, lambda *_: None)
        return _run(arguments.command, environment)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="keep what is stored in this folder")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("which command?")
    return arguments


def _run(command: list[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=environment)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())

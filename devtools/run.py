"""Run one command with everything it needs on this machine: servers, tables, workers.

    .venv/bin/python -m devtools.run [--data FOLDER] COMMAND …

The command finds the services in its environment; its exit code is ours. What is stored stays in the
folder for the next run; without one it is gone at the end.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from devtools.child import CannotStart
from devtools.signals import end_on_signals
from devtools.stack import Stack


def main() -> int:
    """Start the services, run the command, end the services however the command ended."""
    arguments = _arguments()
    end_on_signals()
    with ExitStack() as contexts:
        data = arguments.data or Path(contexts.enter_context(tempfile.TemporaryDirectory()))
        try:
            stack = contexts.enter_context(Stack(data))
        except CannotStart as error:
            print(error, file=sys.stderr)
            return 1
        code = _run(arguments.command, stack.environment)
        if stack.ended:
            print(stack.ended.ending(), file=sys.stderr)
        return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="keep what is stored in this folder")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("which command?")
    return arguments


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run it in the foreground of the terminal, if there is one: Ctrl-C is the command's alone."""
    terminal = sys.stdin.isatty()
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # taking the foreground back must not stop us
    process = subprocess.Popen(
        command,
        env=environment,
        process_group=0 if terminal else None,
        preexec_fn=_to_foreground if terminal else None,
    )
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        if terminal:
            os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())


def _to_foreground() -> None:
    """In the child, before it becomes the command."""
    os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())

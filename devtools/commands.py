"""`memory-worker …` as a process of its own, whose imports are made (devtools/forked.py)."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devtools.child import PythonChild
from devtools.forked import Forked

_TIMEOUT_S = 120


def memory_worker(
    environment: Mapping[str, str], *arguments: str, stdin: bytes = b"", folder: Path | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run `memory-worker …`, with these variables added to ours; a `.env` is looked for in the folder.

    Raises TimeoutError for a command that does not end within two minutes.
    """
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name, stream) for stream in ("stdin", "stdout", "stderr")]
        for file in files:
            file.write_bytes(stdin if file.name == "stdin" else b"")
        variables = {**os.environ, **environment}
        command = Forked(
            CommandChild.program,
            arguments,
            _at_once,
            files=files,
            environment=variables,
            folder=folder,
        )
        try:
            code = command.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            command.kill()
            raise TimeoutError(f"memory-worker {' '.join(arguments)}: still running") from None
        _, stdout, stderr = (file.read_bytes() for file in files)
        return subprocess.CompletedProcess(arguments, code, stdout, stderr)


def _at_once() -> None:
    """What a program does before it begins, where it need not do anything."""


class CommandChild(PythonChild):
    """`memory-worker ARGUMENTS` that goes on, such as a server, with the variables it is given."""

    launcher = (str(Path(sys.executable).with_name("memory-worker")),)

    @staticmethod
    def program(command: Sequence[str], begin: Callable[[], None]) -> None:
        """What a fork of it does."""
        begin()
        from tablestore_memory.worker.cli import main

        sys.argv = ["memory-worker", *command]
        main()

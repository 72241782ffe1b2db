"""`memory-worker …` as a process of its own that need not load the SDKs first: a server that has them forks it.

Their import costs a processor one to two seconds, and the tests run hundreds of commands. All else is as from a
shell: arguments, environment, folder, standard streams, exit code, and what is done at exit.
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

_LOADED = [
    f"tablestore_memory.worker.cli.{module}"
    for module in (
        "dead",
        "extraction",
        "forget",
        "operate",
        "publish",
        "recall",
        "replay",
        "show",
        "wait",
    )
]
_TIMEOUT_S = 120
_STREAMS = {0: "stdin", 1: "stdout", 2: "stderr"}


def memory_worker(
    environment: Mapping[str, str], *arguments: str, stdin: bytes = b"", folder: Path | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run `memory-worker …`, with these variables added to ours; a `.env` is looked for in the folder.

    Raises TimeoutError for a command that does not end within two minutes.
    """
    with tempfile.TemporaryDirectory() as name:
        streams = Path(name)
        for stream in _STREAMS.values():
            (streams / stream).write_bytes(stdin if stream == "stdin" else b"")
        variables = {**os.environ, **environment}
        command = _fork_server().Process(
            target=_run, args=(arguments, variables, str(folder or Path.cwd()), name)
        )
        command.start()
        command.join(_TIMEOUT_S)
        if command.exitcode is None:
            command.kill()
            raise TimeoutError(f"memory-worker {' '.join(arguments)}: still running")
        answers = ((streams / stream).read_bytes() for stream in ("stdout", "stderr"))
        return subprocess.CompletedProcess(arguments, command.exitcode, *answers)


def _fork_server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    return context


def _run(arguments: Sequence[str], variables: Mapping[str, str], folder: str, streams: str) -> None:
    """In the forked process."""
    for number, stream in _STREAMS.items():
        os.dup2(os.open(Path(streams, stream), os.O_RDWR | os.O_APPEND), number)
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.argv = ["memory-worker", *arguments]
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    from tablestore_memory.worker.cli import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()

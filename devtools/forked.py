"""Programs in Python as processes of their own that need not load the SDKs: a server that has them forks them.

Their import costs a processor one to two seconds, and the tests start hundreds of programs. All else is as from a
shell: arguments, environment, folder, standard streams, signals, exit code, and what is done at exit.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path


class Forked:
    """A process as `subprocess.Popen` gives it, leading a session of its own, which runs `program`.

    `files` are its standard streams, in their order.
    """

    def __init__(
        self,
        program: Callable[..., None],
        *arguments: object,
        files: Sequence[str | Path],
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> None:
        context = _fork_server()
        begun, begins = context.Pipe(duplex=False)
        places = [str(file) for file in files], dict(environment), folder or Path.cwd()
        self._process = context.Process(target=_run, args=(begins, *places, program, arguments))
        self._process.start()
        begins.close()
        begun.poll(None)  # its end is closed: it leads its session, or has ended

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended in this moment
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run_module(command: Sequence[str], begin: Callable[[], None]) -> None:
    """`python -m MODULE ARGUMENTS`, after `begin`."""
    begin()
    module, *arguments = command
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _fork_server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["devtools.preloaded"])
    return context


def _run(
    begins: Connection,
    files: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    program: Callable[..., None],
    arguments: Sequence[object],
) -> None:
    """In the forked process."""
    os.setsid()
    begins.close()
    for number, file in enumerate(files):
        os.dup2(os.open(file, os.O_RDWR | os.O_APPEND), number)
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        program(*arguments)
    finally:
        atexit._run_exitfuncs()

"""A program as a child process: its output is kept, and it ends when this process does, however that ends."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from devtools.forked import Forked, run_module
from tablestore_memory.localcloud.lifetime import terminated_with_parent

READY_TIMEOUT_S = 60
END_TIMEOUT_S = 30
_LOOK_EVERY_S = 0.02
_LAST_LINES = 15


FORKED = "FORKED_PROGRAMS"
"""A variable by which tests have their workers and servers forked, with their imports made."""


class CannotStart(Exception):
    """Something is in the way of a program, or it did not get ready; says what."""


class Child:
    """A program that says it is ready by a line matching `ready`; its output goes to a file.

    It leads a session of its own: Ctrl-C in our terminal is ours to pass on, and its children can be
    ended with it. Start it from the main thread: the kernel ends it together with the thread that did.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        ready: str,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        log: Path | None = None,
        end_with_parent: Callable[[], None] = terminated_with_parent,
    ) -> None:
        self.name = name
        self.log = log
        self._ready = re.compile(ready).search
        # Open for as long as somebody may want to read what it printed.
        self._file = log.open("a+b") if log else tempfile.NamedTemporaryFile()  # noqa: SIM115
        self._began = self._file.seek(0, os.SEEK_END)
        self.process = self._start(command, environment, folder, end_with_parent)

    def _start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        folder: Path | None,
        begin: Callable[[], None],
    ) -> subprocess.Popen[bytes] | Forked:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=begin,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def output(self) -> str:
        """All that it printed since it was started, stdout and stderr."""
        size = os.fstat(self._file.fileno()).st_size - self._began
        return os.pread(self._file.fileno(), size, self._began).decode(errors="replace")

    def ready_line(self) -> str | None:
        """The line by which it said that it is ready, if it has."""
        # A last line without its end is one that is being written.
        lines = self.output.splitlines(keepends=True)
        return next((line for line in lines if self._ready(line) and line.endswith("\n")), None)

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> str:
        """Wait for its ready line and return it. Raises CannotStart with the last of its output."""
        deadline = time.monotonic() + timeout_s
        while not (line := self.ready_line()):
            if not self.running or time.monotonic() > deadline:
                self.kill()
                last = "\n".join(self.output.splitlines()[-_LAST_LINES:])
                raise CannotStart(f"{self.name} did not get ready:\n{last}")
            time.sleep(_LOOK_EVERY_S)
        return line

    def ending(self) -> str:
        """How it ended, and where its log is, for a person."""
        code = self.process.wait()
        # A shell, and a server that waits for another, tell a signal as 128 and its number.
        number = -code if code < 0 else code - 128
        by_signal = number in set(signal.Signals)
        how = f"by {signal.Signals(number).name}" if by_signal else f"with exit code {code}"
        return f"{self.name} ended {how}; its log is {self.log}"

    def stop(self, timeout_s: float = END_TIMEOUT_S) -> int:
        """End it as a supervisor would, with SIGTERM, by force if it takes too long; its exit code."""
        if self.running:
            self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout_s)
        self.kill()
        return self.process.wait()

    def kill(self) -> None:
        """End it and its children at once, as a crash would."""
        # One that has ended lost its number, which may be another's by now.
        if self.running:
            with suppress(ProcessLookupError):  # it ended in this moment
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class PythonChild(Child):
    """`python -m MODULE ARGUMENTS`, started anew or, where the environment says so, forked."""

    launcher: ClassVar[Sequence[str]] = (sys.executable, "-m")

    @staticmethod
    def program(command: Sequence[str], begin: Callable[[], None]) -> None:
        """What a fork of it does."""
        run_module(command, begin)

    def _start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        folder: Path | None,
        begin: Callable[[], None],
    ) -> subprocess.Popen[bytes] | Forked:
        if FORKED not in os.environ:
            return super()._start([*self.launcher, *command], environment, folder, begin)
        return Forked(
            self.program,
            *(command, begin),
            files=[os.devnull, self._file.name, self._file.name],
            environment=os.environ if environment is None else environment,
            folder=folder,
        )

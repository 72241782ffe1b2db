"""Work in a process of its own: for what ended or outlasted its worker, where a hundred others share that.

Two times in a row are no chance any more (docs/decisions/extraction-on-threads.md). From then on it can hurt
nobody but itself, and can be ended whatever it does. With processes for a pool, every task is apart already.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence

import msgspec
import structlog

COMMAND = [sys.executable, "-m", "tablestore_memory.worker.apart_main"]
# Each imports everything anew: two seconds of a processor, and some 100 MB.
_AT_ONCE = threading.BoundedSemaphore(2)
log = structlog.get_logger()


class Work(msgspec.Struct, frozen=True):
    """A task's name, what it is about, and after how many seconds its process ends itself, wanted or not."""

    task: str
    about: tuple[str, ...]
    limit_s: float


def shares_its_process() -> bool:
    """Whether this task is one of several in a process; a child of a prefork pool runs it in its main thread."""
    return threading.current_thread() is not threading.main_thread()


def run_apart(task: str, about: Sequence[str], limit_s: float) -> bool:
    """Run it to its end, or for so long. False if as many as may be are under way."""
    if not _AT_ONCE.acquire(blocking=False):
        return False
    try:
        exit_code = _run(msgspec.json.encode(Work(task, tuple(about), limit_s)), limit_s)
    finally:
        _AT_ONCE.release()
    log.info("task.ran_apart", task=task, exit_code=exit_code)
    return True


def _run(work: bytes, limit_s: float) -> int | None:
    """The exit code; None if it had to be killed."""
    try:
        return subprocess.run(COMMAND, input=work, timeout=limit_s).returncode  # noqa: S603 - ours
    except subprocess.TimeoutExpired:
        return None

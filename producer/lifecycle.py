"""When a process ends or forks: deliver what can be delivered, and leave a parent's events alone.

One set of hooks for all publishers of a process. Children of multiprocessing and of billiard
(Celery's workers) end without atexit, so their own finalizers are used there.
"""

import atexit
import os
import signal
import sys
import threading
import weakref
from types import FrameType
from typing import Protocol


class Ending(Protocol):
    """What a publisher offers to this module."""

    def end(self) -> None:
        """The process is about to end: deliver for a moment, keep the rest."""

    def forked(self) -> None:
        """This is a child: forget what is the parent's."""


_watched: "weakref.WeakSet[Ending]" = weakref.WeakSet()
_installed = False


def watch(publisher: Ending) -> None:
    """Have it told of the end of this process and of forks."""
    global _installed
    _watched.add(publisher)
    if not _installed:
        _installed = True
        atexit.register(_end_all)
        os.register_at_fork(after_in_child=_forked)


def started(*, handle_sigterm: bool) -> None:
    """A publisher began to work in this process, which may be a child with exits of its own."""
    for name in ("multiprocessing.util", "billiard.util"):
        if (module := sys.modules.get(name)) is not None:
            module.Finalize(None, _end_all, exitpriority=0)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if handle_sigterm and in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _end_all() -> None:
    for publisher in list(_watched):
        publisher.end()


def _forked() -> None:
    for publisher in list(_watched):
        publisher.forked()


def _on_sigterm(number: int, _frame: FrameType | None) -> None:
    """Deliver, then end as the default would have: by the signal, with its exit status."""
    _end_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)

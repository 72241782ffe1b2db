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


_all: "weakref.WeakSet[Ending]" = weakref.WeakSet()
_working: set[Ending] = set()
"""Held, so that a publisher nobody refers to any more still delivers at exit."""
_installed = False


def watch(publisher: Ending) -> None:
    """Have it told of forks."""
    global _installed
    _all.add(publisher)
    if not _installed:
        _installed = True
        atexit.register(_end_working)
        os.register_at_fork(after_in_child=_forked)


def started(publisher: Ending, *, handle_sigterm: bool) -> None:
    """It began to work in this process, which may be a child with exits of its own."""
    _working.add(publisher)
    for name in ("multiprocessing.util", "billiard.util"):
        if (module := sys.modules.get(name)) is not None:
            module.Finalize(None, _end_working, exitpriority=0)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if handle_sigterm and in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def ended(publisher: Ending) -> None:
    """It was closed."""
    _working.discard(publisher)


def _end_working() -> None:
    for publisher in list(_working):
        publisher.end()


def _forked() -> None:
    _working.clear()
    for publisher in list(_all):
        publisher.forked()


def _on_sigterm(number: int, _frame: FrameType | None) -> None:
    """Deliver, then end as the default would have: by the signal, with its exit status."""
    _end_working()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)

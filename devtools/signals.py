"""Ending with what we were started from: Ctrl-C, SIGTERM, a terminal that closes, a parent that is gone."""

import signal
import sys
from types import FrameType

from tablestore_memory.localcloud.lifetime import terminated_with_parent

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_on_signals(*, ctrl_c: int = 128 + signal.SIGINT) -> None:
    """Let these unwind the program, so that what it started ends with it; `ctrl_c` is its exit code then.

    Under nohup it outlives both its terminal and its parent, as was asked for.
    """

    def end(number: int, _: FrameType | None) -> None:
        # Once: a second signal must not cut the ending short.
        for each in _ENDING:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(ctrl_c if number == signal.SIGINT else 128 + number)

    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, end)
        terminated_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)

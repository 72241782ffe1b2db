"""A child process ends when its parent does, however the parent ends.

Linux only (prctl); elsewhere the child outlives a killed parent and must be ended by hand.
"""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def killed_with_parent() -> None:
    """As a `preexec_fn`: have the kernel send SIGKILL when the thread that started us ends."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def terminated_with_parent() -> None:
    """As a `preexec_fn`: have the kernel send SIGTERM when the thread that started us ends."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

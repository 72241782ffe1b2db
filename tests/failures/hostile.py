"""What an item may do to the step that has it in its hands, by the words it holds."""

import itertools
import os
import signal
import threading

SPIN, HANG, KILL, RAISE, LEAVE, RECURSE = (
    "hostile: spin",
    "hostile: hang",
    "hostile: kill",
    "hostile: raise",
    "hostile: leave",
    "hostile: recurse",
)
KINDS = (SPIN, HANG, KILL, RAISE, LEAVE, RECURSE)
WAIT = "hostile: wait"
"""For nothing, and out of reach of any exception; of a thread, whose process lives on."""


def suffer(text: str) -> None:
    match next((kind for kind in (*KINDS, WAIT) if kind in text), None):
        case "hostile: spin":
            while True:
                pass
        case "hostile: hang":  # holds the interpreter's lock, so that no signal handler runs
            max(itertools.repeat(0))
        case "hostile: wait":
            threading.Semaphore(0).acquire()
        case "hostile: kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hostile: raise":
            raise RuntimeError(text)
        case "hostile: leave":
            raise SystemExit(3)
        case "hostile: recurse":
            suffer(text)

"""What an item may do to the step that has it in its hands, by the words it holds."""

import itertools
import os
import signal

SPIN, HANG, KILL, RAISE, LEAVE, RECURSE = (
    "hostile: spin",
    "hostile: hang",
    "hostile: kill",
    "hostile: raise",
    "hostile: leave",
    "hostile: recurse",
)
KINDS = (SPIN, HANG, KILL, RAISE, LEAVE, RECURSE)


def suffer(text: str) -> None:
    match next((kind for kind in KINDS if kind in text), None):
        case "hostile: spin":
            while True:
                pass
        case "hostile: hang":  # holds the interpreter's lock, so that no signal handler runs
            max(itertools.repeat(0))
        case "hostile: kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hostile: raise":
            raise RuntimeError(text)
        case "hostile: leave":
            raise SystemExit(3)
        case "hostile: recurse":
            suffer(text)

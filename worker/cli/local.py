"""`memory-worker local …`: one of the local services, in the stead of this process.

Nothing of ours needs the stand-ins, so they are started as a program and never imported. They need nothing of
ours either: only the extra `local`.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def serve(arguments: Sequence[str]) -> NoReturn:
    """Become `python -m tablestore_memory.localcloud …`: its signals, its output, its exit code."""
    # -P: a file of the folder we are called from must not be taken for a module.
    server = [sys.executable, "-P", "-m", "tablestore_memory.localcloud", *arguments]
    os.execv(server[0], server)  # noqa: S606 - no shell is wanted

"""What we write to disk, and read from there, is this user's alone. Others may share the folder above it.

In such a folder anybody can plant a directory, a file or a link under a name that we would use: events of
theirs would be sent as ours, and events of ours written into a file of their choice.
"""

import os
import stat
from itertools import takewhile
from pathlib import Path


class NotOurs(OSError):
    """Somebody else owns it or may write there, or it is no plain file or directory."""


def make_private(directory: Path) -> None:
    """Make it, and what is missing above it, for this user alone. Raises NotOurs or OSError."""
    missing = takewhile(lambda path: not path.exists(), (directory, *directory.parents))
    for path in reversed(list(missing)):
        path.mkdir(mode=0o700, exist_ok=True)
    check_private(directory)


def check_private(directory: Path) -> None:
    """Raises NotOurs, or OSError if it is not there."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotOurs(f"{directory.name}: no directory")
    if found.st_uid != os.geteuid():
        raise NotOurs(f"{directory.name}: another user's")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotOurs(f"{directory.name}: others may write there")


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a plain file of ours; made for this user alone, if the flags say so. Raises NotOurs
    or OSError."""
    fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        return fd
    os.close(fd)
    raise NotOurs(f"{path.name}: another user's, or no file")

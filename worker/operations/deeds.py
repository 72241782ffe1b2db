"""Who changed or read what by hand, noted for the audit: by the command line, and whatever else people use."""

import getpass
import os
import socket
import time
import uuid

from redis import Redis

from tablestore_memory.worker.costs.unbooked import Deed, name_of
from tablestore_memory.worker.state.keys import Keys


def deed(command: str, user_id: str = "", *, by: str = "") -> Deed:
    """Done now; `by` is the name of a token, the user of the operating system if there is none."""
    return Deed(
        time.time_ns() // 1000,
        uuid.uuid4().hex,
        command,
        user_id,
        by or f"os:{_os_user()}",
        socket.gethostname(),
    )


def note_deed(redis: Redis, keys: Keys, done: Deed) -> None:
    """Workers make it a row of the audit table. Raises what Redis does."""
    key = keys.unbooked(keys.streams.partition(done.deed_id))
    redis.zadd(key, {name_of(done): done.at // 1000})


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a number may have no name
        return str(os.getuid())

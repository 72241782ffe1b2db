"""`memory-worker export`: all that is kept of a user, as JSON lines."""

from tablestore_memory.worker.cli.audited import audited
from tablestore_memory.worker.cli.opened import opened
from tablestore_memory.worker.cli.output import counted, note, one_line
from tablestore_memory.worker.cli.show import User
from tablestore_memory.worker.operations.kept import exported


def export(user: User) -> None:
    """Print all that is stored and remembered of a user, a JSON object a line; the last one is `end`."""
    with opened() as services:
        audited(services, "export", user)
        lines = 0
        for record in exported(services, user):
            print(one_line(record))
            lines += 1
    note(counted(lines, "line"))

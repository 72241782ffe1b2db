"""Commands that read or change what belongs to users leave a line in the audit, before they do it."""

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.worker.cli.output import note
from tablestore_memory.worker.costs.booking import audit_row
from tablestore_memory.worker.failures.errors import WorkerError
from tablestore_memory.worker.operations.deeds import deed, note_deed
from tablestore_memory.worker.services import RedisServices, Services
from tablestore_memory.worker.stores.write import write_all

NOT_NOTED = "this could not be noted in the audit table"


def audited(services: RedisServices, command: str, user_id: str = "") -> None:
    """Note it in Redis; where that is away, in Tablestore at once. What can be noted nowhere is said, and done."""
    done = deed(command, user_id)
    try:
        note_deed(services.redis, services.keys, done)
    except (*REDIS_ERRORS, OSError):
        if not isinstance(services, Services):
            raise
        try:
            write_all(services.tablestore, [audit_row(services.audit, done)])
        except WorkerError:
            note(NOT_NOTED)

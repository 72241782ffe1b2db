"""Something trivial to ask Tablestore: a write that changes nothing, on the way that every write takes."""

import tablestore as ots

from tablestore_memory.worker.stores.rows import RowWrite
from tablestore_memory.worker.stores.tables import TableNames
from tablestore_memory.worker.stores.write import write_all

_NOBODY = "memory-worker:probe"


def probe(client: ots.OTSClient, names: TableNames) -> None:
    """Delete two rows that are never there. Raises what every write would meet."""
    session = (("user_id", _NOBODY), ("session_id", _NOBODY))
    message = (("session_id", _NOBODY), ("create_time", 0), ("message_id", _NOBODY))
    rows = [
        RowWrite(table, key, (), kind="delete")
        for table, key in ((names.session, session), (names.message, message))
    ]
    write_all(client, rows)

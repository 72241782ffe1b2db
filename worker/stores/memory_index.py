"""How far the search index of the memory table has come: what it lists is believed only past that."""

import tablestore as ots

from tablestore_memory.worker.stores.documents import key
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.rows import RowWrite
from tablestore_memory.worker.stores.tables import MEMORY_INDEX, TableNames
from tablestore_memory.worker.stores.write import write_all

# The index tells its time by Tablestore's clock, callers ask by Redis': doctor warns from two seconds on.
_CLOCKS_DIFFER_MS = 1_000
_NUDGE = key("index-nudge")


class MemoryIndex:
    def __init__(self, client: ots.OTSClient, names: TableNames) -> None:
        self._client = client
        self._table = names.memory

    def shows_all_before(self, moment_ms: int) -> bool:
        """Whether every row written before then is in the index.

        If not, a change is made for it to follow, so that it also comes there while nobody writes.
        """
        with translated("DescribeSearchIndex"):
            _, stat = self._client.describe_search_index(self._table, MEMORY_INDEX)
        if stat.current_sync_timestamp // 1_000_000 > moment_ms + _CLOCKS_DIFFER_MS:  # nanoseconds
            return True
        write_all(self._client, [RowWrite(self._table, _NUDGE, (("text", "nothing"),))])
        write_all(self._client, [RowWrite(self._table, _NUDGE, (), kind="delete")])
        return False

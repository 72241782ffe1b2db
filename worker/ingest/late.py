"""What arrives for somebody who asked to be forgotten before: told apart, and taken back where it was written.

A drain asks the tombstones before it writes. One that was stopped past its lease may still write what was
forgotten meanwhile; it finds out that its lease is gone, asks once more, and deletes what it wrote.
"""

from collections.abc import Collection, Iterable, Mapping

import tablestore as ots
from msgspec.structs import replace

from tablestore_memory.protocol.events import Event
from tablestore_memory.worker.state.entries import StreamEntry
from tablestore_memory.worker.state.tombstones import Pair, Tombstones, pair_of
from tablestore_memory.worker.stores.rows import RowWrite
from tablestore_memory.worker.stores.write import write_all


def is_covered(source: StreamEntry, pair: Pair | None, upto: Mapping[Pair, int]) -> bool:
    return pair is not None and source.received_ms <= upto.get(pair, -1)


def take_back(
    client: ots.OTSClient,
    tombstones: Tombstones,
    written: Collection[tuple[StreamEntry, Event, Iterable[RowWrite]]],
) -> None:
    """Delete the rows of entries that are forgotten by now, unless somebody wrote them anew."""
    pairs = {pair for source, event, _ in written if (pair := pair_of(source, event))}
    upto = tombstones.upto(pairs)
    deletions: dict[tuple[str, object], RowWrite] = {}
    for source, event, rows in written:
        pair = pair_of(source, event)
        if pair is not None and is_covered(source, pair, upto):
            deletions |= {(row.table, row.key): _deletion(row, upto[pair]) for row in rows}
    write_all(client, list(deletions.values()))


def _deletion(row: RowWrite, upto_ms: int) -> RowWrite:
    if row.only_newer is None:  # a message's
        return replace(row, columns=(), kind="delete", upto_ms=upto_ms)
    # A session's: later activity than this keeps it.
    return replace(row, kind="delete", if_there=False)

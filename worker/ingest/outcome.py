"""What became of a batch that was written: which entries are stored, which never will be, which wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tablestore_memory.worker.failures.errors import Final, SystemicFailure, WorkerError
from tablestore_memory.worker.ingest.batches import Batch, Entry, Refused
from tablestore_memory.worker.state.entries import StreamEntry


@dataclass(frozen=True, slots=True)
class Outcome:
    """Refused entries, those that were refused before included, stand in the order of the stream."""

    stored: Sequence[Entry]
    refused: Sequence[Refused]
    forgotten: Sequence[StreamEntry]
    waiting: Sequence[WorkerError]
    """Why entries wait: for each of them what its rows met."""

    @classmethod
    def of(cls, batch: Batch, failures: Mapping[int, WorkerError]) -> "Outcome":
        """`failures`: what rows met, by index."""
        stored: list[Entry] = []
        refused = list(batch.refused)
        waiting: list[WorkerError] = []
        for entry in batch.entries:
            errors = [failures[row] for row in entry.rows if row in failures] if failures else ()
            if not errors:
                stored.append(entry)
            elif final := next((e for e in errors if isinstance(e, Final)), None):
                refused.append(Refused.because(entry.source, final))
            else:
                waiting += errors
        return cls(stored, sorted(refused, key=_stream_order), batch.forgotten, waiting)

    @property
    def settles(self) -> bool:
        """Whether any entry leaves the stream."""
        return bool(self.stored or self.refused or self.forgotten)


def gravest(errors: Sequence[WorkerError]) -> WorkerError:
    """What every event would meet says more than what one row met."""
    return next((e for e in errors if isinstance(e, SystemicFailure)), errors[0])


def _stream_order(letter: Refused) -> tuple[int, int]:
    ms, _, number = letter.source.entry_id.partition("-")
    return int(ms), int(number)

"""Journal files that could not be read whole: counted, told, and set aside where nobody deletes them.

    JOURNAL_DIR/TARGET/damaged/PID-RANDOM-00000001.journal, and beside it ….reason

What of them could be read was sent; the rest is for a person to look at.
"""

import contextlib
from pathlib import Path

from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.ownership import make_private

DIRECTORY = "damaged"
_MOST_FILES = 16
"""Of at most 8 MiB each; then the oldest go: a disk that spoils files must not be filled with them."""


class Damaged:
    """Used by the sender's thread alone."""

    def __init__(self, target: Path, log: RateLimitedLog) -> None:
        self.stretches = 0
        """Stretches of bytes that were skipped: each may have held events."""
        self._directory = target / DIRECTORY
        self._log = log

    def set_aside(self, segment: Path, reason: str, *, stretches: int = 1) -> None:
        """Count it and move the file away. One that cannot be moved stays where it is."""
        self.stretches += stretches
        name = f"{segment.parent.name}-{segment.name}"
        self._log.warning("journal.damaged", file=name, reason=reason, stretches=stretches)
        with contextlib.suppress(OSError):
            make_private(self._directory)
            segment.rename(self._directory / name)
            (self._directory / name).with_suffix(".reason").write_text(f"{reason}\n")
            self._make_room()

    def _make_room(self) -> None:
        kept = sorted(self._directory.glob("*.journal"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_MOST_FILES]:
            path.unlink(missing_ok=True)
            path.with_suffix(".reason").unlink(missing_ok=True)

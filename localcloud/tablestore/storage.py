"""Tables, rows and index definitions in one SQLite file.

A row is its sort key, when it was last written, and its PlainBuffer bytes as they travel, in which
a cell without a timestamp has that of the write. Rows stand in the order in which they were first
written, and an index has their keys. In WAL mode with synchronous=NORMAL a commit is in the operating
system's hands before it returns: it survives the death of this process at any moment; a power cut may
lose the last commits but tears none.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tables (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL,
    base TEXT, created_s INTEGER NOT NULL, definition BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS search_indexes (
    base TEXT NOT NULL, name TEXT NOT NULL, definition BLOB NOT NULL, PRIMARY KEY (base, name));
"""
_SELECT = "SELECT key, written_ms, bare FROM rows_{:d}"
_INSERT = "INSERT INTO rows_{:d} (key, written_ms, bare) VALUES (?, ?, ?)"
_OVER = " ON CONFLICT (key) DO UPDATE SET written_ms = excluded.written_ms, bare = excluded.bare"
LOCK_TIMEOUT_S = 2  # a server that is just ending lets go of the file
# Rows of many sessions come in any order of keys, so each meets a page of its own: the index of keys is to stay in
# memory, and a page that is written often to be checked in once.
_CACHE_KIB = 64 * 1024
_WAL_BYTES = 64 * 1024 * 1024
_PAGE_ROWS = 128  # rows may be of 4 MB, and a page is held in memory


class StoredTable(NamedTuple):
    """A table or secondary index as it was defined; `base` is the table an index belongs to."""

    id: int
    name: str
    base: str | None
    created_s: int
    definition: bytes


class StoredRow(NamedTuple):
    """A row: when it was last written, and its PlainBuffer bytes without header."""

    written_ms: int
    bare: bytes


class Storage:
    """The one owner of the database. Not for several threads."""

    def __init__(self, path: str | Path) -> None:
        """Raises sqlite3.DatabaseError if another process has the file, or it is no database."""
        self._db = sqlite3.connect(path, isolation_level=None, timeout=LOCK_TIMEOUT_S)
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # two servers would not see each other
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB:d}")
        (page_bytes,) = self._db.execute("PRAGMA page_size").fetchone()  # of a file, its own
        self._db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_BYTES // page_bytes:d}")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Nothing may be called after this."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; committed when the block ends."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def tables(self) -> list[StoredTable]:
        rows = self._db.execute("SELECT id, name, base, created_s, definition FROM tables")
        return [StoredTable(*row) for row in rows]

    def create_table(
        self, name: str, base: str | None, created_s: int, definition: bytes
    ) -> StoredTable:
        cursor = self._db.execute(
            "INSERT INTO tables (name, base, created_s, definition) VALUES (?, ?, ?, ?)",
            (name, base, created_s, definition),
        )
        table = cursor.lastrowid or 0
        self._db.execute(
            f"CREATE TABLE rows_{table:d} (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, "
            "written_ms INTEGER NOT NULL, bare BLOB NOT NULL)"
        )
        return StoredTable(table, name, base, created_s, definition)

    def redefine_table(self, table: int, definition: bytes) -> None:
        self._db.execute("UPDATE tables SET definition = ? WHERE id = ?", (definition, table))

    def drop_table(self, table: int) -> None:
        self._db.execute("DELETE FROM tables WHERE id = ?", (table,))
        self._db.execute(f"DROP TABLE rows_{table:d}")

    def get(self, table: int, key: bytes) -> StoredRow | None:
        query = f"SELECT written_ms, bare FROM rows_{table:d} WHERE key = ?"  # noqa: S608 an int
        row = self._db.execute(query, (key,)).fetchone()
        return StoredRow(*row) if row else None

    def each(self, table: int, keys: Sequence[bytes]) -> Iterator[tuple[bytes, StoredRow]]:
        """Those of some hundred rows that are there, in any order. Nothing may be written meanwhile."""
        marks = ", ".join("?" * len(keys))
        rows = self._db.execute(f"{_SELECT.format(table)} WHERE key IN ({marks})", keys)
        return ((key, StoredRow(written_ms, bare)) for key, written_ms, bare in rows)

    def put(self, table: int, key: bytes, written_ms: int, bare: bytes) -> None:
        query = _INSERT.format(table) + _OVER
        self._db.execute(query, (key, written_ms, bare))

    def put_new(self, table: int, key: bytes, written_ms: int, bare: bytes) -> bool:
        """Write the row unless there is one, and return whether it was written."""
        query = _INSERT.format(table) + " ON CONFLICT DO NOTHING"
        return self._db.execute(query, (key, written_ms, bare)).rowcount > 0

    def delete(self, table: int, key: bytes) -> None:
        self._db.execute(f"DELETE FROM rows_{table:d} WHERE key = ?", (key,))  # noqa: S608 an int

    def written_before(self, table: int, written_ms: int) -> list[tuple[bytes, StoredRow]]:
        """Rows not written since, at most a page of them."""
        query = f"{_SELECT.format(table)} WHERE written_ms <= ? LIMIT {_PAGE_ROWS:d}"
        rows = self._db.execute(query, (written_ms,)).fetchall()
        return [(key, StoredRow(written_ms, bare)) for key, written_ms, bare in rows]

    def clear(self, table: int) -> None:
        self._db.execute(f"DELETE FROM rows_{table:d}")  # noqa: S608 an int

    def ascending(
        self, table: int, start: bytes, end: bytes, expected: int = _PAGE_ROWS
    ) -> Iterator[tuple[bytes, StoredRow]]:
        """Rows with start <= key < end; so many are read ahead at first. Rows may be written meanwhile."""
        return self._pages(table, "key >= ? AND key < ? ORDER BY key", start, end, expected)

    def descending(
        self, table: int, start: bytes, end: bytes, expected: int = _PAGE_ROWS
    ) -> Iterator[tuple[bytes, StoredRow]]:
        """Rows with start >= key > end; as `ascending`."""
        return self._pages(table, "key <= ? AND key > ? ORDER BY key DESC", start, end, expected)

    def _pages(
        self, table: int, where: str, start: bytes, end: bytes, expected: int
    ) -> Iterator[tuple[bytes, StoredRow]]:
        first = f"{_SELECT.format(table)} WHERE {where} LIMIT ?"
        after = first.replace("=", "", 1)  # strictly past the last key seen
        most = min(expected, _PAGE_ROWS)
        page = self._db.execute(first, (start, end, most)).fetchall()
        while page:
            for key, written_ms, bare in page:
                yield key, StoredRow(written_ms, bare)
            if len(page) < most:
                return
            most = _PAGE_ROWS
            page = self._db.execute(after, (key, end, most)).fetchall()

    def save_search_index(self, table: str, index: str, definition: bytes) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO search_indexes VALUES (?, ?, ?)", (table, index, definition)
        )

    def search_indexes(self) -> list[tuple[str, str, bytes]]:
        return self._db.execute("SELECT base, name, definition FROM search_indexes").fetchall()

    def drop_search_index(self, table: str, index: str) -> None:
        self._db.execute("DELETE FROM search_indexes WHERE base = ? AND name = ?", (table, index))

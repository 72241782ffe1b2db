"""What data tables and search indexes know of each other, and nothing more."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

Value = str | int | float | bool | bytes
Key = tuple[Value, ...]  # primary key values in schema order
Columns = dict[str, Value]  # latest version of each attribute column


class Rows(Protocol):
    """What the search engine sees of the tables."""

    def scan(self, table: str) -> Iterator[tuple[Key, Columns]]:
        """Every row as it stands now, in primary key order."""
        ...

    def read(self, table: str, key: Key) -> Columns | None:
        """The row's columns, or None if there is no such row."""
        ...

    def shown(
        self, table: str, keys: Sequence[Key], names: Collection[str]
    ) -> Sequence[bytes | None]:
        """Each row as a search gives it: bare, with these columns or all, in order and without timestamps; None
        for one that is not there."""
        ...

    def primary_key(self, table: str) -> tuple[str, ...]:
        """Names of the primary key columns. Raises ObjectNotExist."""
        ...

    def check_indexable(self, table: str) -> None:
        """Raise ParameterInvalid if the table's options allow no search index."""
        ...


class Catalog(Protocol):
    """Durable definitions of search indexes."""

    def save_search_index(self, table: str, index: str, definition: bytes) -> None:
        """Keep the definition; an earlier one of the same name is replaced."""
        ...

    def search_indexes(self) -> list[tuple[str, str, bytes]]:
        """Every (table, index, definition)."""
        ...

    def drop_search_index(self, table: str, index: str) -> None:
        """Forget the definition, if there is one."""
        ...

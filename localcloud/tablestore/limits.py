"""The service's limits, and the checks that every name and value passes.

Source: Tablestore documentation, "General limits", "Limits on secondary indexes", "Naming
conventions and data types".
"""

import re
from functools import lru_cache
from typing import Final

from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid

TABLES: Final = 64  # an instance, index tables included
PRIMARY_KEY_COLUMNS: Final = 4
DEFINED_COLUMNS: Final = 32
INDEXES_OF_A_TABLE: Final = 5
INDEX_KEY_COLUMNS: Final = 4
INDEX_DEFINED_COLUMNS: Final = 32
COLUMNS_OF_A_ROW: Final = 1024
COLUMNS_TO_GET: Final = 128
ROWS_OF_BATCH_WRITE: Final = 200
ROWS_OF_BATCH_GET: Final = 100
ROWS_OF_A_RANGE: Final = 5000
REQUEST_BYTES: Final = 4 * 1024 * 1024  # BatchWriteRow in all, PutRow, UpdateRow
RANGE_BYTES: Final = 4 * 1024 * 1024
KEY_VALUE_BYTES: Final = 1024
COLUMN_VALUE_BYTES: Final = 2 * 1024 * 1024
FILTERS: Final = 10
MIN_TTL_S: Final = 86_400

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


@lru_cache(maxsize=4096)
def is_name(name: str) -> bool:
    """1 to 255 letters, digits and underscores, no digit first."""
    return _NAME.fullmatch(name) is not None


def check_table_name(name: str) -> None:
    """Raises ParameterInvalid."""
    if not is_name(name):
        raise ParameterInvalid(f"Invalid table name: '{name}'.")


def check_column_name(name: str) -> None:
    """Raises ParameterInvalid."""
    if not is_name(name):
        raise ParameterInvalid(f"Invalid column name: '{name}'.")


def value_bytes(value: Value) -> int:
    """What a value counts towards size limits and capacity units."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    return 1 if isinstance(value, bool) else 8


def check_column_size(name: str, size: int) -> None:
    """Raises ParameterInvalid for a STRING or BINARY attribute over 2 MB."""
    if size > COLUMN_VALUE_BYTES:
        raise ParameterInvalid(
            f"The length of attribute column: '{name}' exceeded the MaxLength:"
            f"{COLUMN_VALUE_BYTES} with CurrentLength:{size}."
        )


def check_key_size(name: str, size: int) -> None:
    """Raises ParameterInvalid for a STRING or BINARY primary key value over 1 KB."""
    if size > KEY_VALUE_BYTES:
        raise ParameterInvalid(
            f"The length of primary key column: '{name}' exceeded the MaxLength:"
            f"{KEY_VALUE_BYTES} with CurrentLength:{size}."
        )

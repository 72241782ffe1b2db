"""Collapse: of the documents that have a value in common, the first in order alone.

Source: Tablestore documentation, "Collapse (distinct)".
"""

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.search import arrays, refuse
from tablestore_memory.localcloud.tablestore.search.doc_values import doc_values
from tablestore_memory.localcloud.tablestore.search.documents import Documents
from tablestore_memory.localcloud.tablestore.search.sorting import Order


def collapsed(found: arrays.Ordinals, order: Order, name: str, documents: Documents) -> list[int]:
    """The documents that are left, in order; those without the field count as one value."""
    values = doc_values(name, documents, (pb.KEYWORD, pb.LONG, pb.DOUBLE))
    single = not values.field.is_array and not values.field.is_inside
    refuse.unless(single, f"A collapse takes no {values.field}: it may have several values.")
    numbers = dict(zip(values.holders.tolist(), values.numbers.tolist(), strict=True))
    first: dict[object, int] = {}
    for ordinal in sorted(found.tolist(), key=order.key):
        first.setdefault(numbers.get(ordinal), ordinal)
    return list(first.values())

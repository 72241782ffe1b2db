"""One page of hits, and the token from which the next page goes on.

A token carries the sort and where the last row stood in it, so it needs nothing kept on the server
and rows that come or go in between neither repeat nor skip others.
"""

import base64
import json
import zlib
from bisect import bisect_right
from heapq import nsmallest
from typing import Any, NamedTuple

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import arrays
from tablestore_memory.localcloud.tablestore.search.sorting import Order, Place

_CHECKSUM_BYTES = 4
_FEW = 200  # rows that Python sorts sooner than numpy prepares them


class Page(NamedTuple):
    """The ordinals of a page, in order, and whether rows follow it."""

    ordinals: list[int]
    has_more: bool


def page(
    found: arrays.Ordinals, order: Order, *, after: list[Place] | None, offset: int, limit: int
) -> Page:
    """`limit` of the documents found, in order, past `offset` of them or past the place `after`."""
    wanted = offset + limit + 1
    if after is None:
        candidates = _leaders(found, order, wanted).tolist()
    else:
        bound = order.key_of(after)
        candidates = _leaders_past(found, order, bound, wanted)
    first = nsmallest(wanted, candidates, key=order.key)
    return Page(first[offset : offset + limit], len(first) == wanted)


def _leaders(found: arrays.Ordinals, order: Order, wanted: int) -> arrays.Ordinals:
    """Those that can be among the first `wanted`, as far as the leading numbers tell."""
    leading = order.leading() if len(found) > max(wanted, _FEW) else None
    if leading is None:
        return found
    leads = leading[found]
    leaders: arrays.Ordinals = found[leads <= np.partition(leads, wanted - 1)[wanted - 1]]
    return leaders


def _leaders_past(
    found: arrays.Ordinals, order: Order, bound: tuple[Any, ...], wanted: int
) -> list[int]:
    """Those past the bound that can be among the first `wanted` of them."""
    leading = order.leading() if len(found) > max(wanted, _FEW) else None
    if leading is not None:
        ranked = found[np.argsort(leading[found], kind="stable")]
        leads = leading[ranked]
        # Among equal leads the keys are in no order, so this may land anywhere among the bound's.
        at = bisect_right(ranked.tolist(), bound, key=order.key)
        start = np.searchsorted(leads, leads[max(at - 1, 0)], "left")
        equal = np.searchsorted(leads, leads[min(at, len(leads) - 1)], "right")
        end = np.searchsorted(leads, leads[min(equal + wanted, len(leads)) - 1], "right")
        found = ranked[start:end]
    return [ordinal for ordinal in found.tolist() if order.key(ordinal) > bound]


def encode_token(sort: Any, places: list[Place]) -> bytes:
    """The token of a page whose last row stands at these places of the sort."""
    content = {"sort": _encode(sort.SerializeToString()), "places": _encode(places)}
    raw = json.dumps(content, separators=(",", ":")).encode()
    return zlib.crc32(raw).to_bytes(_CHECKSUM_BYTES, "big") + raw


def decode_token(token: bytes) -> tuple[Any, list[Place]]:
    """The sort and the places of a token. Raises ParameterInvalid."""
    check, raw = token[:_CHECKSUM_BYTES], token[_CHECKSUM_BYTES:]
    if zlib.crc32(raw).to_bytes(_CHECKSUM_BYTES, "big") != check:
        raise errors.ParameterInvalid("The token is not valid.")
    content = json.loads(raw)
    return pb.Sort.FromString(_decode(content["sort"])), _decode(content["places"])


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return [_encode(one) for one in value] if isinstance(value, list | tuple) else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return [_decode(one) for one in value] if isinstance(value, list) else value

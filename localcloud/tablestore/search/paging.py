"""One page of hits, and the token from which the next page goes on.

A token carries the sort and where the last row stood in it, so it needs nothing kept on the server
and rows that come or go in between neither repeat nor skip others.
"""

import base64
import json
import zlib
from heapq import nsmallest
from typing import Any, NamedTuple

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from localcloud.tablestore import errors
from localcloud.tablestore.search import arrays
from localcloud.tablestore.search.sorting import Order, Place

_CHECKSUM_BYTES = 4


class Page(NamedTuple):
    """The ordinals of a page, in order, and whether rows follow it."""

    ordinals: list[int]
    has_more: bool


def page(
    found: arrays.Ordinals, order: Order, *, after: list[Place] | None, offset: int, limit: int
) -> Page:
    """`limit` of the documents found, in order, past `offset` of them or past the place `after`."""
    if after is not None:
        found = _past(found, order, after)
    wanted = offset + limit + 1
    first = nsmallest(wanted, _leaders(found, order, wanted).tolist(), key=order.key)
    return Page(first[offset : offset + limit], len(first) == wanted)


def _past(found: arrays.Ordinals, order: Order, after: list[Place]) -> arrays.Ordinals:
    bound = order.key_of(after)
    if order.leading is None:
        return _keep_past(found, order, bound)
    # A leading number is what the first level of the key starts or ends with.
    leads, border = order.leading[found], _number(bound[0])
    level = _keep_past(found[leads == border], order, bound)
    return np.concatenate((level, found[leads > border]))


def _keep_past(found: arrays.Ordinals, order: Order, bound: tuple[Any, ...]) -> arrays.Ordinals:
    kept = [ordinal for ordinal in found.tolist() if order.key(ordinal) > bound]
    return np.array(kept, dtype=np.uint32)


def _number(first: Any) -> float:
    """The leading number of a key: the score, or the field's value; infinity if it is missing."""
    if isinstance(first, tuple):
        return float(first[1]) if len(first) > 1 else float("inf")
    return float(first)


def _leaders(found: arrays.Ordinals, order: Order, wanted: int) -> arrays.Ordinals:
    """Those that can be among the first `wanted`, as far as the leading numbers tell."""
    if order.leading is None or len(found) <= wanted:
        return found
    leads = order.leading[found]
    leaders: arrays.Ordinals = found[leads <= np.partition(leads, wanted - 1)[wanted - 1]]
    return leaders


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
    return [_encode(one) for one in value] if isinstance(value, list) else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return [_decode(one) for one in value] if isinstance(value, list) else value

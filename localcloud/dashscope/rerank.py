"""Reranking: what the service accepts, and the share of the query's words that a document has as its relevance.

Words count by their stems, common ones not at all; meaning beyond shared words is not there. Owns the request's
limits too. Source: text rerank reference.
"""

from typing import Any

from tablestore_memory.localcloud.dashscope import chat, errors, tokens
from tablestore_memory.localcloud.dashscope.wire import Json

MODELS = ("qwen3-rerank", "gte-rerank-v2")
MOST_DOCUMENTS = 500
MOST_TOKENS = 4_000
"""Of the query, and of a document."""


def answer(body: Json) -> tuple[Json, int]:
    """`output` and the tokens used. Raises ServiceError as the service refuses."""
    model = str(body.get("model"))
    if model not in MODELS:
        raise errors.model_not_found(model)
    query, documents = _asked(body.get("input") or {})
    parameters = body.get("parameters") or {}
    scores = [_relevance(query, document) for document in documents]
    best = sorted(range(len(documents)), key=lambda index: -scores[index])
    results: list[Json] = [
        {"index": index, "relevance_score": scores[index]}
        for index in best[: _top(parameters, len(documents))]
    ]
    if parameters.get("return_documents"):
        for result in results:
            result["document"] = {"text": documents[result["index"]]}
    used = len(documents) * tokens.count(query) + sum(map(tokens.count, documents))
    return {"results": results}, used


def _relevance(query: str, document: str) -> float:
    wanted = chat.words(query)
    return round(len(wanted & chat.words(document)) / max(len(wanted), 1), 6)


def _asked(given: Json) -> tuple[str, list[str]]:
    query, documents = given.get("query"), given.get("documents")
    if not isinstance(query, str) or not query:
        raise errors.invalid_parameter("input.query must be a text.")
    if not isinstance(documents, list) or not all(isinstance(each, str) for each in documents):
        raise errors.invalid_parameter("input.documents must be a list of texts.")
    if not 1 <= len(documents) <= MOST_DOCUMENTS:
        raise errors.invalid_parameter(f"Range of documents should be [1, {MOST_DOCUMENTS}]")
    if any(tokens.count(text) > MOST_TOKENS for text in (query, *documents)):
        raise errors.invalid_parameter(f"Range of input length should be [1, {MOST_TOKENS}]")
    return query, documents


def _top(parameters: Json, count: int) -> int:
    top_n: Any = parameters.get("top_n", count)
    if type(top_n) is not int or top_n < 1:
        raise errors.invalid_parameter("top_n must be a positive number.")
    return int(top_n)

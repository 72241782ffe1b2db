"""Reranking of the local DashScope, through the official SDK."""

from typing import Any

import dashscope
import pytest

from tests.local_dashscope import LocalDashScope

DOCUMENTS = ["Ana lives in Paris.", "Ana went to Rome.", "Bo has a green bicycle in Paris."]


def rerank(local: LocalDashScope, query: str, documents: list[str], **options: Any) -> Any:
    return dashscope.TextReRank.call(
        model=options.pop("model", "qwen3-rerank"),
        query=query,
        documents=documents,
        api_key=local.api_key,
        base_address=local.url,
        **options,
    )


def test_documents_come_by_the_words_they_share_with_the_query(
    local_dashscope: LocalDashScope,
) -> None:
    response = rerank(local_dashscope, "Does Bo bicycle in Paris?", DOCUMENTS)

    assert response.status_code == 200
    results = [(each.index, each.relevance_score) for each in response.output.results]
    assert [index for index, _ in results] == [2, 0, 1]
    assert results[0][1] == 1.0
    assert 0 == results[2][1] < results[1][1] < 1
    assert response.usage["total_tokens"] > 0


def test_as_many_are_given_as_asked_for_with_their_texts(local_dashscope: LocalDashScope) -> None:
    response = rerank(local_dashscope, "Rome", DOCUMENTS, top_n=1, return_documents=True)

    (best,) = response.output.results
    assert best.index == 1
    assert best["document"]["text"] == "Ana went to Rome."


@pytest.mark.parametrize(
    ("query", "documents", "options", "status", "says"),
    [
        ("a", ["a"] * 501, {}, 400, "[1, 500]"),
        ("a", ["一" * 4001], {}, 400, "[1, 4000]"),
        ("a", ["a"], {"top_n": 0}, 400, "top_n"),
        ("a", ["a"], {"model": "gte-rerank"}, 404, "gte-rerank"),
    ],
)
def test_what_the_service_refuses_is_refused(
    local_dashscope: LocalDashScope,
    query: str,
    documents: list[str],
    options: dict[str, Any],
    status: int,
    says: str,
) -> None:
    response = rerank(local_dashscope, query, documents, **options)

    assert response.status_code == status
    assert says in response.message

"""Embeddings of the local DashScope, through the official SDK."""

from typing import Any

import numpy as np
import pytest

from tests.local_dashscope import LocalDashScope


def vectors(response: Any) -> np.ndarray:
    assert response.status_code == 200, response
    rows = sorted(response.output["embeddings"], key=lambda row: row["text_index"])
    return np.array([row["embedding"] for row in rows])


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        ("text-embedding-v4", None, 1024),
        *(("text-embedding-v4", n, n) for n in (64, 128, 256, 512, 768, 1024, 1536, 2048)),
        ("text-embedding-v3", None, 1024),
        ("text-embedding-v2", None, 1536),
        ("text-embedding-v1", None, 1536),
    ],
)
def test_vectors_have_the_asked_dimension_and_unit_length(
    local_dashscope: LocalDashScope, model: str, asked: int | None, expected: int
) -> None:
    made = vectors(local_dashscope.embed(["我喜欢绿茶", "a cat"], model=model, dimension=asked))

    assert made.shape == (2, expected)
    assert np.linalg.norm(made, axis=1) == pytest.approx([1.0, 1.0], abs=1e-6)


@pytest.mark.parametrize("dimension", [64, 1024])
@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("Where does Anna hike?", "Anna likes hiking in the Alps", "Bob bought a new piano"),
        ("What is the user allergic to?", "The user is allergic to nuts", "The user is a nurse"),
        ("用户喜欢喝什么茶", "用户喜欢喝绿茶", "用户养了一只猫"),
        ("用户住在哪里", "用户现在住在杭州", "用户对花生过敏"),
    ],
)
def test_texts_that_share_words_are_nearer(
    local_dashscope: LocalDashScope, dimension: int, query: str, near: str, far: str
) -> None:
    asked, close, distant = vectors(local_dashscope.embed([query, near, far], dimension=dimension))

    assert asked @ close > asked @ distant + 0.1


def test_same_text_gives_the_same_vector_whatever_its_neighbours(
    local_dashscope: LocalDashScope,
) -> None:
    alone = vectors(local_dashscope.embed(["same"], text_type="document"))[0]
    among = vectors(local_dashscope.embed(["other", "same"], text_type="query"))[1]

    assert np.array_equal(alone, among)


@pytest.mark.parametrize("text", ["!!!", "🎉", "\u0000"])
def test_text_without_words_still_has_a_vector(local_dashscope: LocalDashScope, text: str) -> None:
    made = vectors(local_dashscope.embed([text]))

    assert np.linalg.norm(made[0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("texts", "options", "status", "says"),
    [
        (["a"] * 11, {}, 400, "larger than 10"),
        (["a"] * 26, {"model": "text-embedding-v2"}, 400, "larger than 25"),
        ([], {}, 400, "texts"),
        ([""], {}, 400, "[1, 8192]"),
        (["一" * 8193], {}, 400, "[1, 8192]"),
        (["a"], {"dimension": 100}, 400, "dimension"),
        (["a"], {"dimension": 2048, "model": "text-embedding-v3"}, 400, "dimension"),
        (["a"], {"output_type": "sparse"}, 400, "dense"),
        (["a"], {"model": "text-embedding-v9"}, 404, "text-embedding-v9"),
    ],
)
def test_what_the_service_refuses_is_refused(
    local_dashscope: LocalDashScope,
    texts: list[str],
    options: dict[str, Any],
    status: int,
    says: str,
) -> None:
    response = local_dashscope.embed(texts, **options)

    assert response.status_code == status
    assert says in response.message
    assert response.output is None


def test_ten_texts_and_the_longest_text_are_accepted(local_dashscope: LocalDashScope) -> None:
    response = local_dashscope.embed(["一" * 8192, *["a"] * 9])

    assert len(vectors(response)) == 10
    assert response.usage["total_tokens"] == 8192 + 9

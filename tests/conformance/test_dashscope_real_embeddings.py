"""Embeddings of the small model behind `--embeddings real`, through the official SDK."""

from collections.abc import Iterator

import numpy as np
import pytest

from devtools.servers import serving
from tests.conformance.test_dashscope_embeddings import vectors
from tests.local_dashscope import LocalDashScope


@pytest.fixture(scope="module")
def real() -> Iterator[LocalDashScope]:
    with serving("dashscope", "--embeddings", "real") as url:
        yield LocalDashScope(url)


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("food allergy", "Mei is allergic to peanuts.", "Mei plays the violin."),
        ("Which pet has she?", "Mei adopted a puppy.", "Mei works at a bank."),
        ("她养了什么宠物？", "梅领养了一只小狗。", "梅在银行工作。"),
        ("food allergy", "梅对花生过敏。", "梅会拉小提琴。"),
    ],
)
def test_texts_that_mean_alike_are_nearer_in_either_language_and_across(
    real: LocalDashScope, query: str, near: str, far: str
) -> None:
    asked, close, distant = vectors(real.embed([query, near, far]))

    assert asked @ close > asked @ distant + 0.1


def test_longer_vectors_are_filled_up_with_zeros_so_that_cosines_stay(real: LocalDashScope) -> None:
    texts = ["Mei is allergic to peanuts.", "food allergy"]

    own, filled = (vectors(real.embed(texts, dimension=n)) for n in (512, 1536))

    assert np.array_equal(filled[:, :512], own)
    assert not filled[:, 512:].any()
    assert np.linalg.norm(own, axis=1) == pytest.approx([1.0, 1.0], abs=1e-6)


def test_shorter_vectors_are_refused_with_what_can_be_asked_for(real: LocalDashScope) -> None:
    response = real.embed(["tea"], dimension=256)

    assert (response.status_code, response.code) == (400, "InvalidParameter")
    assert "512" in response.message


def test_text_without_words_still_has_a_vector(real: LocalDashScope) -> None:
    made = vectors(real.embed(["!!!", "🎉", "\u0000"]))

    assert np.linalg.norm(made, axis=1) == pytest.approx([1.0] * 3)

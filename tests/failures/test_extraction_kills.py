"""Extraction killed at random steps leaves what an undisturbed one does, and pays for little twice."""

import random
from collections.abc import Iterator

import pytest

from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import Server
from tests.failures.extraction_kills import NO_LIMITS, run

KILLS = 24
USER = "ana"
# Stated, changed, changed back; said again; made more precise; both languages; and a secret.
CONVERSATION = [
    ["I live in Paris.", "I like jazz.", "I'm allergic to peanuts."],
    ["I live in Lyon.", "I like jazz.", "My brother's name is Tom."],
    ["我喜欢喝绿茶。", "I like jazz on Sundays.", "My password is hunter22."],
    ["I live in Paris.", "我住在杭州。", "I'm allergic to peanuts."],
    ["I don't like jazz any more.", "I work at a bakery.", "I like tea."],
    ["I like jazz.", "I don't like tea any more.", "I like tea.", "我喜欢喝绿茶。"],
]


@pytest.fixture(scope="module")
def tablestores() -> Iterator[tuple[str, str]]:
    """One whose index does not lag, and one whose index lags as the real one does."""
    with (
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as prompt,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "1-3") as lagging,
    ):
        yield prompt.url, lagging.url


def test_killed_extraction_ends_as_an_undisturbed_one(
    redis_url: str, tablestores: tuple[str, str], dashscope_url: str
) -> None:
    prompt, lagging = tablestores
    lines = [
        said(USER, f"s{number}", number * 10 + minute, text, name="Ana")
        for number, texts in enumerate(CONVERSATION)
        for minute, text in enumerate(texts)
    ]
    with Deployment(redis_url, prompt, dashscope_url, **NO_LIMITS) as deployment:
        quiet = run(deployment, lines, kills=0)

    with Deployment(redis_url, lagging, dashscope_url, **NO_LIMITS) as deployment:
        seed = random.randrange(1_000_000)
        killed = run(deployment, lines, kills=KILLS, seed=seed)

    assert killed.kills == KILLS, seed
    assert killed.memories == quiet.memories, seed
    assert killed.history == quiet.history, seed
    assert killed.watermarks == quiet.watermarks
    assert killed.dead == quiet.dead == 0
    assert len(quiet.history) >= 5

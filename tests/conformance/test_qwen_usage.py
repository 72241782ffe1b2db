"""What a call cost, as the service tells it: also how much of it the prompt cache had."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from tablestore_memory.worker.qwen.calls import Spent
from tests.conformance.test_qwen_refusals import CallLimiter, answering, qwen


class Counting(CallLimiter):
    """Keeps what was spent."""

    spent = Spent(0)

    @contextmanager
    def call(self, model: str, tokens: int) -> Iterator[Spent]:
        with super().call(model, tokens) as self.spent:
            yield self.spent


def answer(**details: Any) -> str:
    message = {"role": "assistant", "content": "{}"}
    usage = {"input_tokens": 1_500, "output_tokens": 20, "total_tokens": 1_520, **details}
    choices = [{"finish_reason": "stop", "message": message}]
    return json.dumps({"request_id": "r", "output": {"choices": choices}, "usage": usage})


@pytest.mark.parametrize(
    ("details", "cached"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 1_024}}, 1_024),
        ({"prompt_tokens_details": {}}, 0),
        ({"prompt_tokens_details": None}, 0),
        ({}, 0),
    ],
)
def test_tokens_that_the_prompt_cache_had_are_counted_and_told(
    details: dict[str, Any], cached: int
) -> None:
    limiter = Counting()

    with answering(200, answer(**details)) as url, capture_logs() as logs:
        qwen(url, limiter=limiter).json("Reply with JSON.", "Hello")

    (line,) = logs
    assert (limiter.spent.tokens, limiter.spent.cached) == (1_520, cached)
    assert [line[f"{kind}_tokens"] for kind in ("input", "output", "cached")] == [1_500, 20, cached]

"""What generations cost in tokens, by what they were for.

Counted by Qwen's own tokenizer, which the dashscope package brings, with the marks that chat messages have
around them. `cached_tokens` are those that an earlier prompt of the same run begins with, too: what a context
cache that forgets nothing would have. The service promises no hit, so this is the most it can be.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from bench.evaluation.prompt import Prompt

_START = 3  # <|im_start|>, the role, a line break
_END = 2  # <|im_end|>, a line break
_FRAME = 3 * _START + 2 * _END  # of a system and a user message, and of the answer's beginning
# Source: Model Studio, context cache.
_LEAST_CACHED = 1024


@dataclass
class Cost:
    """Sums over generations."""

    generations: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    def add(self, more: "Cost") -> None:
        self.generations += more.generations
        self.input_tokens += more.input_tokens
        self.cached_tokens += more.cached_tokens
        self.output_tokens += more.output_tokens

    def per_1000(self, messages: int) -> dict[str, float]:
        each = 1000 / max(messages, 1)
        figures = asdict(self) | {"tokens": self.input_tokens + self.output_tokens}
        return {name: round(value * each, 1) for name, value in figures.items()}


class Bill:
    """Counts each generation once more as it is answered. For one thread alone."""

    def __init__(self) -> None:
        self.costs: defaultdict[str, Cost] = defaultdict(Cost)
        self._seen: defaultdict[str, list[list[int]]] = defaultdict(list)

    def add(self, prompt: Prompt, answer: str) -> Cost:
        """The cost of one answer, which is in the sums from now on."""
        system, user = self._tokens(prompt.system), self._tokens(prompt.user)
        cost = Cost(
            generations=1,
            input_tokens=len(system) + len(user) + _FRAME,
            cached_tokens=self._cached(prompt.instructions, len(system), user),
            output_tokens=len(self._tokens(answer)) + 1,
        )
        self._seen[prompt.instructions].append(user)
        self.costs[prompt.purpose].add(cost)
        return cost

    def per_1000(self, messages: int) -> dict[str, dict[str, float]]:
        """By purpose, and of all purposes together."""
        total = Cost()
        for cost in self.costs.values():
            total.add(cost)
        return {
            name: cost.per_1000(messages) for name, cost in (*self.costs.items(), ("all", total))
        }

    def _cached(self, instructions: str, system_tokens: int, user: Sequence[int]) -> int:
        earlier = self._seen[instructions]
        if not earlier:
            return 0
        same = max(_same(user, other) for other in earlier)
        cached = 2 * _START + system_tokens + _END + same
        return cached if cached >= _LEAST_CACHED else 0

    def _tokens(self, text: str) -> list[int]:
        # A text may hold what looks like a mark; the service does not read it as one either.
        encoded: list[int] = self._tokenizer.encode(text, allowed_special=set())
        return encoded

    @cached_property
    def _tokenizer(self) -> Any:
        from dashscope import get_tokenizer

        return get_tokenizer("qwen-plus")


def _same(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    most = min(len(one), len(other))
    return next((n for n in range(most) if one[n] != other[n]), most)

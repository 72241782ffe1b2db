"""What a call to Qwen used, as its response tells."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; `cached` are those of the input that the service's prompt cache had."""

    input: int
    output: int = 0
    cached: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output

    @classmethod
    def of(cls, usage: Any) -> "Usage":
        """Of an embedding only the total is told, and it is input. Source: Model Studio, context cache."""
        output = int(usage.get("output_tokens") or 0)
        details = usage.get("prompt_tokens_details") or {}
        cached = int(details.get("cached_tokens") or 0)
        return cls(int(usage["total_tokens"]) - output, output, cached)

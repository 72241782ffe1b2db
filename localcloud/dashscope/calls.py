"""`/_calls`, what came in: a count, token sums and the last calls. Ids and sizes, never texts."""

from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from aiohttp import web

PATH: Final = "/_calls"
KEPT = 1000


@dataclass(frozen=True)
class Call:
    """One call as the service would bill it; `fault` names what was injected, if anything."""

    operation: str
    model: str
    status: int
    code: str
    fault: str | None
    request_hash: str
    input_tokens: int
    output_tokens: int


@dataclass
class Calls:
    """All calls since the start or the last reset."""

    count: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    last: deque[Call] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, call: Call) -> None:
        self.last.append(call)
        self.count[call.operation] += 1
        self.count[f"{call.operation}.{call.status}"] += 1
        self.tokens[f"{call.operation}.input"] += call.input_tokens
        self.tokens[f"{call.operation}.output"] += call.output_tokens

    def reset(self) -> None:
        for kept in (self.count, self.tokens, self.last):
            kept.clear()

    def as_json(self) -> dict[str, Any]:
        last = [asdict(call) for call in self.last]
        return {"count": dict(self.count), "tokens": dict(self.tokens), "last": last}

    async def handle(self, request: web.Request) -> web.Response:
        """GET shows them, DELETE begins anew."""
        if request.method == "DELETE":
            self.reset()
        return web.json_response(self.as_json())

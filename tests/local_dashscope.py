"""The official SDK, unmodified, against the local DashScope, and the admin path of its faults."""

from typing import Any

import dashscope
import requests


class LocalDashScope:
    """Calls as the worker makes them; `url` ends in /api/v1."""

    def __init__(self, url: str, api_key: str = "local") -> None:
        self.url = url
        self.api_key = api_key
        self._admin = url.removesuffix("/api/v1") + "/admin"

    def generate(self, *messages: dict[str, str], model: str = "qwen-plus", **options: Any) -> Any:
        asked: Any = list(messages)
        return dashscope.Generation.call(
            model=model,
            messages=asked,
            api_key=self.api_key,
            base_address=self.url,
            **({"result_format": "message"} | options),
        )

    def generate_json(self, *messages: dict[str, str], **options: Any) -> Any:
        json_mode: dict[str, Any] = {
            "response_format": {"type": "json_object"},
            "enable_thinking": False,
        }
        return self.generate(*messages, **(json_mode | options))

    def embed(self, texts: list[str], *, model: str = "text-embedding-v4", **options: Any) -> Any:
        return dashscope.TextEmbedding.call(
            model=model, input=texts, api_key=self.api_key, base_address=self.url, **options
        )

    def ask_fault(self, name: str, **where: Any) -> None:
        """`count` calls (default 1, None for all), of an `operation`, with `match` in them."""
        reply = requests.post(f"{self._admin}/faults", json={"name": name, **where}, timeout=10)
        assert reply.status_code == 200, reply.text

    def calls(self) -> dict[str, Any]:
        """Counts, token sums and the last calls since the last reset."""
        counted: dict[str, Any] = requests.get(f"{self._admin}/calls", timeout=10).json()
        return counted

    def reset(self) -> None:
        """No faults due, no calls counted."""
        for what in ("faults", "calls"):
            requests.delete(f"{self._admin}/{what}", timeout=10).raise_for_status()


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def content(response: Any) -> str:
    """The text of a successful answer."""
    assert response.status_code == 200, response
    return str(response.output.choices[0].message.content)

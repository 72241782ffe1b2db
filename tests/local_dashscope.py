"""The official SDK, unmodified, against the local DashScope, and its faults and calls."""

from typing import Any
from urllib.parse import urljoin

import dashscope
import requests

from devtools.faults import Faults


class LocalDashScope:
    """Calls as the worker makes them; `url` ends in /api/v1."""

    def __init__(self, url: str, api_key: str = "local") -> None:
        self.url = url
        self.api_key = api_key
        self.faults = Faults(url)
        self._calls = urljoin(url, "/_calls")

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

    def calls(self) -> dict[str, Any]:
        """Counts, token sums and the last calls since the last reset."""
        counted: dict[str, Any] = requests.get(self._calls, timeout=10).json()
        return counted

    def reset(self) -> None:
        """No faults set, no calls counted."""
        self.faults.clear()
        requests.delete(self._calls, timeout=10).raise_for_status()


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def content(response: Any) -> str:
    """The text of a successful answer."""
    assert response.status_code == 200, response
    return str(response.output.choices[0].message.content)

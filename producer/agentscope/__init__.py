"""AgentScope apps as they are: persistence and memory in the background, by changing one import.

    from tablestore_memory.producer.agentscope import TablestoreMemoryService, TablestoreSessionHistoryService

take the place of AgentScope Runtime 1.0.5's classes of the same names (extra `agentscope`), and
`PublishingMiddleware` is for AgentScope 2.x. Each is imported when it is asked for, as no environment
holds both versions.
"""

import importlib
from typing import Any

from tablestore_memory.producer.pending import shared_publisher

_MODULES = {
    "TablestoreMemoryService": "memories",
    "SearchStrategy": "memories",
    "TablestoreSessionHistoryService": "sessions",
    "PublishingMiddleware": "middleware",
}
__all__ = [*_MODULES, "shared_publisher"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)

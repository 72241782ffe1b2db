"""Forgetting: what it covers, where it looks, how it proves itself."""

from tablestore_memory.worker.forget.forgetting import Forgetting
from tablestore_memory.worker.forget.scope import Scope

__all__ = ["Forgetting", "Scope"]

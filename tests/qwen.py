"""Qwen for a step in this process whose calls matter: what it is asked, and what happens meanwhile."""

from collections.abc import Callable, Sequence

from devtools.deployment import Deployment
from tablestore_memory.worker.qwen.client import Qwen, Reply
from tablestore_memory.worker.services import Services

Vectors = list[list[float]]


class Embedding(Qwen):
    """Gives the vectors that a function gives, and answers what is trivial; it is asked for nothing else."""

    def __init__(self, vectors: Callable[[Sequence[str]], Vectors]) -> None:
        self._vectors = vectors

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Vectors:
        return self._vectors(texts)

    def probe(self, *, embedding: bool = False) -> None:
        return

    def json(self, system: str, user: str, *, max_tokens: int = 0) -> Reply:
        raise AssertionError("Qwen was asked for an answer")


def embedding(deployment: Deployment, vectors: Callable[[Sequence[str]], Vectors]) -> Services:
    """The deployment's services, with vectors from this function."""
    return Services(deployment.settings, qwen=Embedding(vectors))


def not_asking(deployment: Deployment) -> Services:
    """The deployment's services, and no Qwen that may be asked."""

    def asked(texts: Sequence[str]) -> Vectors:
        raise AssertionError("Qwen was asked for vectors")

    return embedding(deployment, asked)

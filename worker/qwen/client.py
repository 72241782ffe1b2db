"""Qwen through DashScope: answers as text, texts as vectors, and whose fault a refusal is.

Source for limits: Model Studio's API reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tablestore_memory.worker.failures.errors import (
    Final,
    ResourceMissing,
    ServiceFails,
    Unavailable,
    UnusableReply,
)
from tablestore_memory.worker.qwen.calls import Book, QwenCalls, unbooked
from tablestore_memory.worker.qwen.calls import CallLimiter as CallLimiter
from tablestore_memory.worker.qwen.errors import readable

_TEXTS_A_CALL = 10  # more are refused (text-embedding-v4)
_LONGEST_ANSWER = 4000  # tokens
_TRIVIAL_SYSTEM = 'Reply with this JSON object: {"ok": true}'
_TRIVIAL_TEXT = "Hello"


@dataclass(frozen=True, slots=True)
class Reply:
    """The text of an answer and what it cost in tokens."""

    text: str
    input_tokens: int
    output_tokens: int
    request_id: str


class Qwen:
    """One model for text, one for vectors."""

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        model: str,
        embedding_model: str,
        dimension: int,
        limiter: CallLimiter,
        book: Book = unbooked,
    ) -> None:
        self.model = model
        self.dimension = dimension
        self._calls = QwenCalls(url, api_key, model, embedding_model, dimension, limiter, book)

    def json(self, system: str, user: str, *, max_tokens: int = _LONGEST_ANSWER) -> Reply:
        """An answer in JSON mode. `system` must contain the word JSON.

        Raises UnusableReply when it was cut off, RequestRefused and ContentRefused, both only when a trivial
        question is answered (`probe`), and whatever keeps the service away.
        """
        try:
            response = self._calls.generate(system, user, max_tokens)
        except Final:
            self.probe()
            raise
        with readable():
            choice, usage = response.output.choices[0], response.usage
            if choice.finish_reason != "stop":
                raise UnusableReply("Qwen: the answer did not end by itself; it may be cut off")
            text = str(choice.message.content)
            return Reply(text, usage.input_tokens, usage.output_tokens, response.request_id)

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """A vector of `dimension` floats for each text, in order. Raises what `json` raises."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _TEXTS_A_CALL):
            vectors += self._embed_some(list(texts[start : start + _TEXTS_A_CALL]), query)
        return vectors

    def probe(self, *, embedding: bool = False) -> None:
        """Ask something trivial, with the parameters of every other call; for a vector if `embedding`.

        Returns if it is answered, in whatever form. Raises ServiceFails if it is refused as well, and
        whatever keeps the service away. Nothing is remembered: an answer of a moment ago proves nothing
        about a refusal after it.
        """
        try:
            if embedding:
                self._calls.embed([_TRIVIAL_TEXT], "document", trivial=True)
            else:
                self._calls.generate(_TRIVIAL_SYSTEM, _TRIVIAL_TEXT, _LONGEST_ANSWER, trivial=True)
        except Final as error:
            reason = str(error).replace(self._calls.api_key, "[key]")
            raise ServiceFails(f"Qwen refuses even a trivial question. {reason}") from None

    def _embed_some(self, texts: list[str], query: bool) -> list[list[float]]:
        try:
            response = self._calls.embed(texts, "query" if query else "document")
        except Final:
            self.probe(embedding=True)
            raise
        with readable():
            found = sorted(response.output["embeddings"], key=lambda item: item["text_index"])
            vectors = [item["embedding"] for item in found]
            lengths = {len(vector) for vector in vectors}
        if len(vectors) != len(texts):
            raise Unavailable(f"Qwen: {len(vectors)} vectors for {len(texts)} texts")
        if lengths != {self.dimension}:
            raise ResourceMissing(
                f"Qwen: {self._calls.embedding_model} gives vectors of {lengths} floats, "
                f"not {self.dimension} (MEMORY_EMBEDDING_DIMENSION)"
            )
        return vectors

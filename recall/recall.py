"""`Recall`: what is known of a user for a question, and what was said, in time."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Self, Unpack, cast

from tablestore_memory.protocol.events import Message
from tablestore_memory.recall import stored
from tablestore_memory.recall.asked import Asked, Question
from tablestore_memory.recall.clients import Clients
from tablestore_memory.recall.dashscope import Hear, unheard
from tablestore_memory.recall.parts import awaited, waited_for
from tablestore_memory.recall.results import Recalled, RecalledMemory
from tablestore_memory.recall.settings import Options, RecallSettings
from tablestore_memory.recall.steps import recalled
from tablestore_memory.recall.traces import about_result, recalling


class Recall:
    """One for a process; may be called from any thread and any event loop, also after a fork.

    Of a recall, nothing that is away raises: there is less in the answer, and its `missing` says what. Only a
    mistake of the caller raises: ValueError, which names the argument, and RuntimeError after `close`.
    """

    def __init__(self, *, hear: Hear = unheard, **settings: Unpack[Options]) -> None:
        """Connects to nothing yet; `hear` is told what Qwen is asked. Raises BadSettings, which names all that
        are wrong."""
        self._clients = Clients(RecallSettings.of(settings), hear)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, hear: Hear = unheard) -> Self:
        """With the settings of the environment, which are named as a worker's. Raises BadSettings."""
        settings = RecallSettings.from_env(os.environ if environ is None else environ)
        return cls(hear=hear, **cast(Options, asdict(settings)))

    def __call__(self, **question: Unpack[Question]) -> Recalled:
        """What is known of `user_id` for `query`, in a block of at most `tokens`; this thread waits.

        The other arguments are those of `Question`. Raises ValueError.
        """
        clients = self._open()
        asked = Asked.checked(clients.settings, question)
        with recalling(asked) as note:
            result = waited_for(recalled(clients, asked))
            note(about_result(result))
        return result

    async def aio(self, **question: Unpack[Question]) -> Recalled:
        """The same; the event loop goes on meanwhile."""
        clients = self._open()
        asked = Asked.checked(clients.settings, question)
        with recalling(asked) as note:
            result = await awaited(recalled(clients, asked))
            note(about_result(result))
        return result

    def session(self, *, user_id: str, session_id: str, last: int | None = None) -> list[Message]:
        """A session's messages as they were published, in order: all, or the last so many.

        What another program wrote comes as its text. Unlike a recall, this is not in time but whole: raises
        what the store raises (docs/failures.md).
        """
        return stored.session(self._open(), user_id, session_id, last)

    async def asession(
        self, *, user_id: str, session_id: str, last: int | None = None
    ) -> list[Message]:
        """The same; the event loop goes on meanwhile."""
        return await asyncio.to_thread(
            self.session, user_id=user_id, session_id=session_id, last=last
        )

    def memories(self, *, user_id: str, ids: Iterable[str] | None = None) -> list[RecalledMemory]:
        """The user's memories with these ids, at once; without ids all that the search index shows, the latest
        first. Raises what the store raises."""
        return stored.memories(self._open(), user_id, ids)

    def close(self) -> None:
        """End threads and connections."""
        self._clients.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> Clients:
        """Those of this process: a child has neither its parent's threads nor a use for its sockets."""
        if self._clients.pid != os.getpid():
            self._clients = Clients(self._clients.settings, self._clients.hear)
        if self._clients.closed:
            raise RuntimeError("this Recall was closed")
        return self._clients

"""`Recall`: what is known of a user for a question, and what was said, in time."""

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Self, Unpack

from tablestore_memory.recall.asked import Asked, Question
from tablestore_memory.recall.clients import Clients
from tablestore_memory.recall.parts import awaited, waited_for
from tablestore_memory.recall.results import Recalled
from tablestore_memory.recall.settings import Options, RecallSettings
from tablestore_memory.recall.steps import recalled


class Recall:
    """One for a process; may be called from any thread and any event loop, also after a fork.

    Nothing that is away raises: there is less in the answer, and its `missing` says what. Only a mistake of the
    caller raises, ValueError, which names the argument.
    """

    def __init__(self, **settings: Unpack[Options]) -> None:
        """Connects to nothing yet. Raises BadSettings, which names all that are wrong."""
        self._clients = Clients(RecallSettings.of(settings))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """With the settings of the environment, which are named as a worker's. Raises BadSettings."""
        recall = cls.__new__(cls)
        environ = os.environ if environ is None else environ
        recall._clients = Clients(RecallSettings.from_env(environ))
        return recall

    def __call__(self, **question: Unpack[Question]) -> Recalled:
        """What is known of `user_id` for `query`, in a block of at most `tokens`; this thread waits.

        The other arguments are those of `Question`. Raises ValueError.
        """
        clients = self._open()
        return waited_for(recalled(clients, Asked.checked(clients.settings, question)))

    async def aio(self, **question: Unpack[Question]) -> Recalled:
        """The same; the event loop goes on meanwhile."""
        clients = self._open()
        return await awaited(recalled(clients, Asked.checked(clients.settings, question)))

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
            self._clients = Clients(self._clients.settings)
        return self._clients

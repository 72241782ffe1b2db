"""A user's memories and their history: what stems from something forgotten, and who else said it too."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import tablestore as ots

from tablestore_memory.worker.forget.scope import Scope
from tablestore_memory.worker.indexing.unindexed import UnindexedMemories
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.stores.history import History, Replaced
from tablestore_memory.worker.stores.memories import Memories
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.write import write_all


@dataclass(frozen=True)
class Remembered:
    """Where memories stand, and the sessions they come from."""

    client: ots.OTSClient
    sessions: Sessions
    memories: Memories
    history: History
    unindexed: UnindexedMemories
    due: DueSessions

    def of_user(self, user_id: str) -> list[Memory]:
        """Those that the index shows and those written so lately that it may not; by primary key."""
        ids = {memory.document_id for memory in self.memories.of_user(user_id)}
        return self.memories.theirs(user_id, sorted(ids | self.unindexed.traces(user_id)))

    def history_of(self, scope: Scope, covered: Iterable[Memory]) -> list[Replaced]:
        """The entries that tell of something covered, as the old text or as the new one."""
        entries = self.history.of_user(scope.user_id)
        gone = {entry.document_id for entry in entries if scope.covers(entry)}
        gone |= {memory.document_id for memory in covered}
        return [e for e in entries if scope.covers(e) or e.replaced_by in gone]

    def due_again(self, scope: Scope, gone: Iterable[Memory | Replaced]) -> None:
        """The other sessions that said it too, from where they did."""
        cited: dict[str, set[str]] = defaultdict(set)
        for source in (source for made in gone for source in made.sources):
            if source.session_id not in ("", scope.session_id):
                cited[source.session_id].add(source.message_id)
        for session_id, message_ids in cited.items():
            said = self.sessions.messages(scope.user_id, session_id)
            first = next((m.created_at for m in said if m.message_id in message_ids), None)
            if first is not None:
                self.due.add(scope.user_id, session_id, first)

    def delete(
        self, scope: Scope, memories: Sequence[Memory], history: Sequence[Replaced]
    ) -> dict[str, int]:
        user_id, upto_ms = scope.user_id, scope.upto_ms
        entries = [self.history.deletion(user_id, entry, upto_ms) for entry in history]
        write_all(self.client, entries)
        ids = [memory.document_id for memory in memories]
        rows = [self.memories.forgetting(user_id, document_id, upto_ms) for document_id in ids]
        write_all(self.client, rows)
        return {"history": len(entries), "memories": len(rows)}

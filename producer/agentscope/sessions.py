"""The session history of AgentScope Runtime 1.0.5, appended to in the background.

`append_message` publishes and returns; reads go to Tablestore, with what this process published and
cannot see there yet merged in by its stamp. Everything else is AgentScope's own service.
"""

import asyncio
from typing import Any

from agentscope_runtime.engine.schemas.agent_schemas import Message
from agentscope_runtime.engine.schemas.session import Session
from agentscope_runtime.engine.services.session_history import tablestore_session_history_service
from agentscope_runtime.engine.services.utils.tablestore_service_utils import (
    convert_message_to_tablestore_message,
    convert_tablestore_message_to_message,
    convert_tablestore_session_to_session,
)
from tablestore_for_agent_memory.base.base_memory_store import Message as StoredMessage
from tablestore_for_agent_memory.base.base_memory_store import Session as StoredSession
from tablestore_for_agent_memory.base.common import Order

from tablestore_memory.producer.agentscope.background import InBackground
from tablestore_memory.producer.agentscope.messages import as_messages, document, event_fields
from tablestore_memory.producer.clock import Clock
from tablestore_memory.producer.pending import Pending
from tablestore_memory.protocol.documents import PUBLISHED
from tablestore_memory.protocol.errors import EventTooLarge

_Key = tuple[str, str]  # user, session
_Id = tuple[int, str]  # create_time in µs, message id: the rest of the row's key


class TablestoreSessionHistoryService(
    InBackground, tablestore_session_history_service.TablestoreSessionHistoryService
):
    """Takes the arguments of AgentScope's class and those of InBackground."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # AgentScope's names whatever the tables are called would be another deployment's in the same instance.
        self._SESSION_SECONDARY_INDEX_NAME = f"{self._session_table_name}_secondary_index"
        self._MESSAGE_SECONDARY_INDEX_NAME = f"{self._message_table_name}_secondary_index"
        self._clock = Clock()
        self._pending: Pending[_Key, _Id, dict[str, Any]] = Pending()

    async def create_session(self, user_id: str, session_id: str | None = None) -> Session:
        """As there, but what the row of an existing session holds stays."""
        given = session_id.strip() if session_id else ""
        if not given:
            return await super().create_session(user_id)
        stored = StoredSession(session_id=given, user_id=user_id)
        await self._memory_store.update_session(stored)
        return convert_tablestore_session_to_session(stored)

    async def get_session(self, user_id: str, session_id: str) -> Session:
        """The session with its messages in order, those on their way included."""
        found, every = await asyncio.gather(
            self._memory_store.get_session(user_id=user_id, session_id=session_id),
            self._every(session_id),
        )
        stored = _theirs(every, found, user_id)
        if found is None:
            found = StoredSession(session_id=session_id, user_id=user_id)
            await self._memory_store.update_session(found)
        session = convert_tablestore_session_to_session(found)
        session.messages = self._merged((user_id, session_id), stored)
        return session

    async def list_sessions(self, user_id: str) -> list[Session]:
        """The user's sessions without messages, those on their way included."""
        sessions = {session.id: session for session in await super().list_sessions(user_id)}
        for _, session_id in self._pending.keys(lambda key: key[0] == user_id):
            sessions.setdefault(session_id, Session(id=session_id, user_id=user_id))
        return [sessions[session_id] for session_id in sorted(sessions)]

    async def append_message(self, session: Session, message: Any) -> None:
        """Publish and return. Raises MalformedEvent for what no row could hold either."""
        messages = as_messages(message)
        session.messages.extend(messages)
        for each in messages:
            await self._append(session, each)

    async def delete_session(self, user_id: str, session_id: str) -> None:
        """Delete the session and its messages. Raises NotStoredYet if some are still on their way
        after `arrives_s`: they would come back."""
        key = (user_id, session_id)

        async def left() -> int:
            return len(self._left(key, await self._stored(user_id, session_id)))

        await self._arrival(left, f"session {session_id!r} not deleted")
        await super().delete_session(user_id, session_id)

    async def _append(self, session: Session, message: Message) -> None:
        created_at = self._clock.now_us()
        whole = document(message)
        try:
            self._publisher.message(
                user_id=session.user_id,
                session_id=session.id,
                created_at=created_at,
                **event_fields(whole),
            )
        except EventTooLarge:
            # Too large for an event (256 KiB), not for a row (2 MB): straight to the store.
            row = convert_message_to_tablestore_message(message, session)
            row.create_time = created_at
            row.metadata["user_id"] = session.user_id
            await self._memory_store.put_message(row)
        else:
            self._pending.add((session.user_id, session.id), (created_at, message.id), whole)

    async def _stored(self, user_id: str, session_id: str) -> list[StoredMessage]:
        """The session's rows that name this user, in order."""
        return _theirs(await self._every(session_id), None, user_id)

    async def _every(self, session_id: str) -> list[StoredMessage]:
        """The rows of all sessions so named, in order, whosever."""
        rows = await self._memory_store.list_messages(session_id=session_id, order=Order.ASC)
        return [row async for row in rows]

    def _left(self, key: _Key, stored: list[StoredMessage]) -> dict[_Id, dict[str, Any]]:
        """What of a session is still on its way, now that so much is stored."""
        self._pending.discard(key, [(row.create_time, row.message_id) for row in stored])
        return self._pending.of(key)

    def _merged(self, key: _Key, stored: list[StoredMessage]) -> list[Message]:
        left = self._left(key, stored)
        messages = [
            ((row.create_time, row.message_id), convert_tablestore_message_to_message(row))
            for row in stored
        ]
        messages += [(stamp, Message.model_validate(whole)) for stamp, whole in left.items()]
        return [message for _, message in sorted(messages, key=lambda pair: pair[0])]


def _theirs(
    every: list[StoredMessage], session: StoredSession | None, user_id: str
) -> list[StoredMessage]:
    """The user's of these rows. One that names nobody is, in a session that an app gave them and that no row
    gives to another."""
    owners = {row.metadata.get("user_id") for row in every}
    has_it = session is not None and PUBLISHED not in (session.metadata or {})
    theirs = {None, user_id} if has_it and owners <= {None, user_id} else {user_id}
    return [row for row in every if row.metadata.get("user_id") in theirs]

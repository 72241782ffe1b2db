"""Publish and go on: the one thing an agent touches.

    with Publisher("redis://localhost:6379/0") as memory:
        memory.message(user_id="u1", session_id="s1", role="user", content="I like hiking.")
        memory.session_end(user_id="u1", session_id="s1")

No call touches the network. A malformed event is an error where it is made; Redis being slow, full
or gone is none. Safe from any thread, from async code, over forks and in signal handlers.
"""

from __future__ import annotations

# redis-py imports this, which is refused once the main thread has ended; a publisher may well be
# made in a thread that goes on.
import concurrent.futures.thread  # noqa: F401
import logging
import os
import threading
from collections.abc import Mapping
from datetime import datetime
from sys import modules
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from tablestore_memory.producer import lifecycle
from tablestore_memory.producer.counters import Stats
from tablestore_memory.producer.dead_letters import Requeued
from tablestore_memory.producer.drops import OnDrop
from tablestore_memory.producer.lines import Line, completed, to_micros, utc_offset_min
from tablestore_memory.producer.mending import encode_mended
from tablestore_memory.producer.settings import Options, Settings
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import (
    Event,
    MemoryKind,
    Message,
    Role,
    partition_key,
)
from tablestore_memory.protocol.text_messages import encode_text_message
from tablestore_memory.protocol.traces import OPENTELEMETRY, traced

if TYPE_CHECKING:
    from tablestore_memory.producer.outbox import Outbox

Moment = int | str | datetime
"""Microseconds since the epoch, ISO 8601 with its zone, or a datetime with its zone."""

_FLUSH_S = 30.0


class More(TypedDict, total=False):
    """What any event may carry; filled in where it is missing."""

    event_id: str
    created_at: Moment


class OpenAIFields(TypedDict, total=False):
    """What a message in OpenAI's form may hold beside role, content and name; kept as it is."""

    tool_calls: Any
    tool_call_id: Any
    function_call: Any
    refusal: Any
    audio: Any
    annotations: Any
    reasoning_content: Any


class Publisher:
    """Settings come from arguments, then the environment, then defaults (producer/settings.py).

    Each of `publish`, `message`, `session_end`, `remember`, `edit_memory`, `delete_memory` and
    `forget` returns the event's id and raises MalformedEvent (unless `strict=False`), or what the
    policy `when_full` says. An `event_id` of your own is an idempotency key: the same event twice
    is stored once.
    """

    def __init__(
        self,
        redis_url: str | None = None,
        *,
        on_drop: OnDrop | None = None,
        logger: logging.Logger | None = None,
        **options: Unpack[Options],
    ) -> None:
        given: dict[str, Any] = {"redis_url": redis_url, **options}
        self.settings = Settings.resolve(given, os.environ)
        # redis-py takes four times as long to import as all the rest: whoever makes a publisher
        # needs it, who only imports `producer` may not. Not later: a first event would pay for it,
        # and a thread that imports while the process forks would lock the child up.
        from tablestore_memory.producer.outbox import Outbox

        self._make_outbox = Outbox
        self._on_drop = on_drop
        self._logger = logger or logging.getLogger("producer")
        self._outbox: Outbox | None = None
        self._opening = threading.Lock()
        lifecycle.watch(self)

    def message(
        self,
        *,
        user_id: str,
        session_id: str,
        role: Role,
        content: str | list[dict[str, Any]] | None = None,
        message_id: str | None = None,
        created_at: Moment | None = None,
        name: str | None = None,
        metadata: dict[str, Any] | None = None,
        message_type: str = "message",
        fields: dict[str, Any] | None = None,
        event_id: str | None = None,
        **openai: Unpack[OpenAIFields],
    ) -> str:
        """One message of a conversation: text, content parts, tool calls or the result of one.

        A message in OpenAI's form goes in as it is: `message(user_id=…, session_id=…, **message)`.
        """
        outbox = self._outbox or self._open()
        now_us = outbox.clock.now_us()
        if event_id is None:
            event_id = outbox.ids.next_id()
        if message_id is None:
            message_id = event_id
        plain = name is None and metadata is None and fields is None and created_at is None
        data = None
        if plain and message_type == "message" and not openai:
            data = encode_text_message(
                event_id, user_id, now_us, session_id, message_id, role, content
            )
        try:
            data = data or encode_mended(
                Message(
                    event_id=event_id,
                    user_id=user_id,
                    created_at=now_us if created_at is None else to_micros(created_at),
                    session_id=session_id,
                    message_id=message_id,
                    role=role,
                    content=content,
                    name=name,
                    metadata=metadata,
                    message_type=message_type,
                    fields=fields or {},
                    utc_offset_min=utc_offset_min(created_at),
                    **openai,
                )
            )
        except MalformedEvent as error:
            draft = {"user_id": user_id, "session_id": session_id, "content": content}
            return self._malformed(outbox, {**draft, "event_id": event_id}, error)
        if OPENTELEMETRY in modules:
            data = traced(data)
        outbox.accept(data, session_id, now_us)
        return event_id

    def session_end(self, *, user_id: str, session_id: str, **more: Unpack[More]) -> str:
        """The conversation is over: remember what is worth it now."""
        draft = {"type": "session_end", "user_id": user_id, "session_id": session_id}
        return self.publish({**draft, **more})

    def remember(
        self,
        *,
        user_id: str,
        text: str,
        session_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        **more: Unpack[More],
    ) -> str:
        """Remember this text as it is, without asking a model."""
        draft = {"type": "remember", "user_id": user_id, "session_id": session_id, "text": text}
        return self.publish({**draft, "metadata": metadata, **more})

    def edit_memory(
        self,
        *,
        user_id: str,
        memory_id: str,
        text: str | None = None,
        kind: MemoryKind | None = None,
        event_start: str | None = None,
        event_end: str | None = None,
        **more: Unpack[More],
    ) -> str:
        """Correct one memory by hand: what is given takes the place of what was there. An empty
        `event_start` or `event_end` takes the date away."""
        draft = {"type": "edit_memory", "user_id": user_id, "memory_id": memory_id, "text": text}
        dates = {"event_start": event_start, "event_end": event_end}
        return self.publish({**draft, "kind": kind, **dates, **more})

    def delete_memory(self, *, user_id: str, memory_id: str, **more: Unpack[More]) -> str:
        """Delete one memory, and the earlier texts that it took the place of."""
        draft = {"type": "delete_memory", "user_id": user_id, "memory_id": memory_id}
        return self.publish({**draft, **more})

    def forget(self, *, user_id: str, session_id: str | None = None, **more: Unpack[More]) -> str:
        """Forget a session, or all there is of a user when no session is named."""
        draft = {"type": "forget", "user_id": user_id, "session_id": session_id}
        return self.publish({**draft, **more})

    def publish(self, event: Event | Line) -> str:
        """Any event, or a line (see producer/lines.py) whose ids and stamp are filled in."""
        outbox = self._outbox or self._open()
        try:
            if isinstance(event, Mapping | bytes | str):
                event, data = completed(event, outbox.ids, outbox.clock)
            else:
                data = encode_mended(event)
        except MalformedEvent as error:
            draft = event if isinstance(event, Mapping) else {"line": event}
            return self._malformed(outbox, draft, error)
        if event.traceparent is None:
            data = traced(data)
        outbox.accept(data, partition_key(event), outbox.clock.now_us())
        return event.event_id

    def flush(self, timeout: float = _FLUSH_S) -> bool:
        """Wait until all published so far is in Redis or dropped. False: not within the timeout,
        and nothing is lost by that."""
        return self._outbox is None or self._outbox.flush(timeout)

    async def aflush(self, timeout: float = _FLUSH_S) -> bool:  # noqa: ASYNC109 - as `flush`
        """The same without stopping the event loop."""
        import asyncio  # there already, where there is a loop

        return await asyncio.to_thread(self.flush, timeout)

    def requeue(self, timeout: float = _FLUSH_S) -> Requeued | None:
        """Send what publishers of this Redis, user and prefix set aside because Redis refused it. Returns
        how many events that were; None if not all were sent within the timeout: then they stay."""
        return (self._outbox or self._open()).requeue(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Deliver for so long (default: `exit_timeout_s`), then end; the journal keeps the rest.

        True: nothing was left. What is published later goes to the journal, for the next process.
        """
        if self._outbox is None:
            return True
        limit = self.settings.exit_timeout_s if timeout is None else timeout
        lifecycle.ended(self)
        return self._outbox.close(limit)

    def stats(self) -> Stats:
        """The numbers of this process. A forked child begins at zero."""
        return Stats() if self._outbox is None else self._outbox.stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        import asyncio

        await asyncio.to_thread(self.close)

    def end(self) -> None:
        """For producer.lifecycle: the process ends."""
        self.close()

    def forked(self) -> None:
        """For producer.lifecycle: this is a child, and begins anew when it publishes."""
        outbox, self._outbox = self._outbox, None
        self._opening = threading.Lock()
        if outbox is not None:
            outbox.abandon()

    def _open(self) -> Outbox:
        """At the first event of a process: a publisher made before a fork costs the child nothing."""
        with self._opening:
            if self._outbox is None:
                outbox = self._make_outbox(
                    self.settings, on_drop=self._on_drop, logger=self._logger
                )
                outbox.start()
                lifecycle.started(self, handle_sigterm=self.settings.handle_sigterm)
                self._outbox = outbox
        return self._outbox

    def _malformed(self, outbox: Outbox, draft: Mapping[str, Any], error: MalformedEvent) -> str:
        if self.settings.strict:
            raise error
        outbox.drops.malformed(draft, error)
        return str(draft.get("event_id", ""))

"""A middleware for AgentScope 2.x that publishes what an agent hears and says, with its tool calls.

    Agent(…, middlewares=[PublishingMiddleware(user_id="u1")])

Each block is published when it is complete, also of a reply that is broken off; thinking and hints
are not. Nothing here can stop the agent: what no event can hold is logged, without its text.
"""

import json
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any

from agentscope.message import AssistantMsg, Msg
from agentscope.middleware import MiddlewareBase

from tablestore_memory.producer.errors import ProducerError
from tablestore_memory.producer.pending import shared_publisher
from tablestore_memory.producer.publisher import Publisher
from tablestore_memory.protocol.errors import MalformedEvent

_MOST_DATA = 128 * 1024
"""Characters of base64 that go with an event, whose limit is 256 KiB; more is only described."""
_log = logging.getLogger("producer")


class PublishingMiddleware(MiddlewareBase):
    """`session_id` is the agent state's unless given. Without a publisher: one for the process."""

    def __init__(
        self, user_id: str, session_id: str | None = None, *, publisher: Publisher | None = None
    ) -> None:
        self._user_id = user_id
        self._session_id = session_id
        self._publisher = publisher or shared_publisher()

    async def on_reply(
        self, agent: Any, input_kwargs: dict[str, Any], next_handler: Callable[..., Any]
    ) -> AsyncGenerator[Any, None]:
        """Publish the input, then each block as its last event passes by."""
        session_id = self._session_id or agent.state.session_id
        self._hear(session_id, input_kwargs.get("inputs"))
        reply = _Reply(agent.name)
        try:
            async for item in next_handler(**input_kwargs):
                for block in reply.complete(item):
                    self._say(session_id, reply, block)
                yield item
        finally:
            for block in reply.broken_off():
                self._say(session_id, reply, block)

    def _hear(self, session_id: str, inputs: Any) -> None:
        for message in inputs if isinstance(inputs, list) else [inputs]:
            if not isinstance(message, Msg):
                continue  # an answer to the agent's own question: its result comes as an event
            content = [_part(block) for block in message.content if block.type in ("text", "data")]
            if content:
                self._publish(
                    session_id,
                    role=message.role,
                    name=message.name,
                    content=content,
                    metadata=message.metadata or None,
                )

    def _say(self, session_id: str, reply: "_Reply", block: Any) -> None:
        said: dict[str, Any] = {"name": reply.name, "metadata": {"reply_id": reply.reply_id}}
        if block.type == "tool_call":
            call = {"call_id": block.id, "name": block.name, "arguments": block.input}
            kind, role, content = "plugin_call", "assistant", {"type": "data", "data": call}
        elif block.type == "tool_result":
            result = {"call_id": block.id, "name": block.name, "output": _output(block.output)}
            said["metadata"] = {**said["metadata"], "state": str(block.state)}
            kind, role, content = "plugin_call_output", "tool", {"type": "data", "data": result}
        else:
            kind, role, content = "message", "assistant", _part(block)
        self._publish(session_id, role=role, message_type=kind, content=[content], **said)

    def _publish(self, session_id: str, **fields: Any) -> None:
        try:
            self._publisher.message(user_id=self._user_id, session_id=session_id, **fields)
        except (ProducerError, MalformedEvent) as error:
            _log.error("message.not_published session_id=%s reason=%s", session_id, error)


class _Reply:
    """The blocks of one reply, put together from its events by AgentScope's own message."""

    _LAST = frozenset({"TEXT_BLOCK_END", "DATA_BLOCK_END", "TOOL_CALL_END", "TOOL_RESULT_END"})

    def __init__(self, name: str) -> None:
        self.name = name
        self.reply_id = ""
        self._message: Any = None
        self._done: set[tuple[str, str]] = set()

    def complete(self, event: Any) -> list[Any]:
        """The blocks that this event completes: none or one."""
        reply_id = getattr(event, "reply_id", None)
        if reply_id is None or isinstance(event, Msg):
            return []
        if self._message is None or reply_id != self.reply_id:
            self.reply_id = reply_id
            self._message = AssistantMsg(id=reply_id, name=self.name, content=[])
        self._message.append_event(event)
        return self._new(finished=True) if event.type in self._LAST else []

    def broken_off(self) -> list[Any]:
        """The words that were begun and not completed."""
        return self._new(finished=False) if self._message is not None else []

    def _new(self, *, finished: bool) -> list[Any]:
        blocks = []
        for block in self._message.content:
            place = (block.type, block.id)
            if block.type in ("thinking", "hint") or place in self._done:
                continue
            # Of what is not complete only words mean something: half a tool call never ran.
            if block.finished_at is not None if finished else block.type == "text":
                self._done.add(place)
                blocks += [block] * _says_anything(block)
        return blocks


def _says_anything(block: Any) -> bool:
    return block.type != "text" or bool(block.text)


def _part(block: Any) -> dict[str, Any]:
    """A text or data block as a content part of AgentScope Runtime's messages."""
    if block.type == "text":
        return {"type": "text", "text": block.text}
    source = block.source
    kind = source.media_type.split("/")[0]
    if source.type == "base64" and len(source.data) > _MOST_DATA:
        left_out = {"media_type": source.media_type, "base64_characters": len(source.data)}
        return {"type": "data", "data": {"name": block.name, "left_out": left_out}}
    url = str(source.url) if source.type == "url" else None
    if kind == "image":
        return {
            "type": "image",
            "image_url": url or f"data:{source.media_type};base64,{source.data}",
        }
    if kind == "audio":
        audio_format = source.media_type.split("/")[-1]
        return {"type": "audio", "data": url or source.data, "format": audio_format}
    place = {"file_url": url} if url else {"file_data": source.data}
    return {"type": "file", "filename": block.name, **place}


def _output(output: Any) -> str:
    """What a tool answered: its text, or its parts as JSON if there is more than text."""
    if isinstance(output, str):
        return output
    if all(block.type == "text" for block in output):
        return "".join(block.text for block in output)
    return json.dumps([_part(block) for block in output], ensure_ascii=False)

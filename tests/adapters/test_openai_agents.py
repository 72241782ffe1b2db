"""Sessions of the OpenAI Agents SDK, run by its own Runner and stored by real workers."""

import asyncio
from typing import Any

import pytest
from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from devtools.servers import wait_until
from tablestore_memory import Publisher, Recall
from tablestore_memory.adapters.errors import Unsupported
from tablestore_memory.adapters.openai_agents import TablestoreSession
from tablestore_memory.producer import EventTooLarge
from tests.in_cloud import Stored

set_tracing_disabled(True)


class Script(Model):
    """A model that answers what it is told to; `shown` is what it was given."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.shown: list[Any] = []

    async def get_response(
        self, system_instructions: Any, input: Any, *_: Any, **__: Any
    ) -> ModelResponse:
        self.shown.append(input)
        return ModelResponse(output=[self._answers.pop(0)], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def words(text: str) -> ResponseOutputMessage:
    content = [ResponseOutputText(type="output_text", text=text, annotations=[])]
    return ResponseOutputMessage(
        id="msg_1", type="message", role="assistant", status="completed", content=list(content)
    )


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"21 °C in {city}"


CALL = ResponseFunctionToolCall(
    id="fc_1",
    type="function_call",
    call_id="call_1",
    name="weather",
    arguments='{"city": "Berlin"}',
    status="completed",
)


async def test_next_run_is_shown_what_the_last_one_added(
    publisher: Publisher, recall: Recall, fresh_name: str
) -> None:
    model = Script(CALL, words("It is 21 °C."), words("You asked for Berlin."))
    agent = Agent(name="Friday", model=model, tools=[weather])
    session = TablestoreSession(fresh_name, fresh_name, publisher=publisher, recall=recall)

    await Runner.run(agent, "What is the weather in Berlin?", session=session)
    await Runner.run(agent, "Which city was it?", session=session)

    kinds = [item.get("type", "message") for item in model.shown[-1]]
    assert kinds == ["message", "function_call", "function_call_output", "message", "message"]
    assert model.shown[-1][-1]["content"] == "Which city was it?"


async def test_another_process_reads_the_items_as_they_were_added(
    publisher: Publisher, elsewhere: Publisher, recall: Recall, fresh_name: str, stored: Stored
) -> None:
    model = Script(CALL, words("It is 21 °C."))
    agent = Agent(name="Friday", model=model, tools=[weather])
    own = TablestoreSession(fresh_name, fresh_name, publisher=publisher, recall=recall)
    other = TablestoreSession(fresh_name, fresh_name, publisher=elsewhere, recall=recall)

    await Runner.run(agent, "What is the weather in Berlin?", session=own)

    rows = stored(fresh_name, fresh_name, 4)
    added = await own.get_items()
    assert await other.get_items() == added
    assert await other.get_items(limit=2) == added[-2:]
    assert [(row["role"], row["message_type"]) for row in rows] == [
        ("user", "message"),
        ("assistant", "function_call"),
        ("tool", "function_call_output"),
        ("assistant", "message"),
    ]
    assert rows[3]["text"] == "It is 21 °C."


async def test_cleared_session_is_empty_at_once_and_forgotten_for_all(
    publisher: Publisher, elsewhere: Publisher, recall: Recall, fresh_name: str, stored: Stored
) -> None:
    own = TablestoreSession(fresh_name, fresh_name, publisher=publisher, recall=recall)
    other = TablestoreSession(fresh_name, fresh_name, publisher=elsewhere, recall=recall)
    await own.add_items([{"role": "user", "content": "My code is 1234."}])
    stored(fresh_name, fresh_name, 1)

    await own.clear_session()
    left = await own.get_items()
    await own.add_items([{"role": "user", "content": "Hello again."}])

    assert left == []
    afresh = [{"role": "user", "content": "Hello again."}]
    assert await own.get_items() == afresh
    await asyncio.to_thread(
        wait_until,
        lambda: asyncio.run(other.get_items()) == afresh,
        "only the new item is left",
    )


async def test_item_is_not_taken_back(
    publisher: Publisher, recall: Recall, fresh_name: str
) -> None:
    session = TablestoreSession(fresh_name, fresh_name, publisher=publisher, recall=recall)

    with pytest.raises(Unsupported, match="clear_session"):
        await session.pop_item()


async def test_of_items_of_which_one_is_too_large_none_is_added(
    publisher: Publisher, recall: Recall, fresh_name: str
) -> None:
    session = TablestoreSession(fresh_name, fresh_name, publisher=publisher, recall=recall)
    large: Any = {"role": "user", "content": "x" * 300_000}

    with pytest.raises(EventTooLarge):
        await session.add_items([{"role": "user", "content": "Small."}, large])

    assert await session.get_items() == []


async def test_what_another_publisher_said_is_read_as_its_text(
    publisher: Publisher, elsewhere: Publisher, recall: Recall, fresh_name: str, stored: Stored
) -> None:
    whose: Any = {"user_id": fresh_name, "session_id": fresh_name}
    picture: Any = {
        "type": "image_url",
        "image_url": {"url": "https://example.com/a.png"},
        "alt": "a cat",
    }
    parts = [{"type": "text", "text": "Look:"}, picture]
    elsewhere.message(**whose, role="user", content=parts)
    elsewhere.message(**whose, role="tool", content="21 °C", tool_call_id="call_1")
    elsewhere.message(**whose, role="assistant", content="A cat.")
    stored(fresh_name, fresh_name, 3)

    session = TablestoreSession(fresh_name, fresh_name, publisher=publisher, recall=recall)

    assert await session.get_items() == [
        {"role": "user", "content": "Look:\n[picture: a cat]"},
        {"role": "assistant", "content": "A cat."},
    ]

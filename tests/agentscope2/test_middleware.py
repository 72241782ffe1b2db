"""What an agent of AgentScope 2.x hears and says, stored by real workers."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from agentscope.agent import Agent
from agentscope.credential import CredentialBase
from agentscope.formatter import OpenAIChatFormatter
from agentscope.message import (
    Base64Source,
    DataBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    URLSource,
    UserMsg,
)
from agentscope.model import ChatModelBase, ChatResponse
from agentscope.tool import FunctionTool, ToolChunk, Toolkit

from tablestore_memory.producer import Publisher
from tablestore_memory.producer.agentscope import PublishingMiddleware
from tablestore_memory.producer.agentscope.middleware import _part
from tests.in_cloud import Stored

Content = list[TextBlock | ToolCallBlock | ThinkingBlock | DataBlock]


class Script(ChatModelBase):
    """A model that says what it is told to, answer after answer, word by word."""

    def __init__(self, *answers: Content, hangs: bool = False) -> None:
        super().__init__(CredentialBase(), "script", self.Parameters(), context_size=10**6)
        self.formatter = OpenAIChatFormatter()
        self._answers = list(answers)
        self._hangs = hangs
        self.is_hanging = asyncio.Event()

    async def _call_api(self, *_: Any, **__: Any) -> AsyncGenerator[ChatResponse, None]:
        return self._pieces(self._answers.pop(0))

    async def _pieces(self, content: Content) -> AsyncGenerator[ChatResponse, None]:
        for block in content:
            yield ChatResponse(content=[block.model_copy()], is_last=False)
        if self._hangs:
            self.is_hanging.set()
            await asyncio.sleep(60)
        yield ChatResponse(content=content, is_last=True)


async def weather(city: str) -> ToolChunk:
    """The weather of a city.

    Args:
        city (`str`): Which city.
    """
    return ToolChunk(content=[TextBlock(text=f"21 °C in {city}")])


def agent(model: Script, middleware: PublishingMiddleware) -> Agent:
    return Agent(
        name="Friday",
        system_prompt="You are helpful.",
        model=model,
        toolkit=Toolkit(tools=[FunctionTool(weather, is_read_only=True)]),
        middlewares=[middleware],
    )


async def test_conversation_with_a_tool_call_is_stored_in_order(
    publisher: Publisher, stored: Stored, fresh_name: str
) -> None:
    call = ToolCallBlock(id="call_1", name="weather", input='{"city": "Berlin"}')
    script = Script(
        [ThinkingBlock(thinking="hm"), TextBlock(text="I will look."), call],
        [TextBlock(text="It is 21 °C.")],
    )
    friday = agent(script, PublishingMiddleware(fresh_name, fresh_name, publisher=publisher))

    answer = await friday.reply(UserMsg("Mei", "What is the weather in Berlin?"))

    assert answer.get_text_content() is not None
    messages = stored(fresh_name, fresh_name, 5)
    assert [(m["role"], m["message_type"], m["speaker"]) for m in messages] == [
        ("user", "message", "Mei"),
        ("assistant", "message", "Friday"),
        ("assistant", "plugin_call", "Friday"),
        ("tool", "plugin_call_output", "Friday"),
        ("assistant", "message", "Friday"),
    ]
    texts = [m["text"] for m in messages]
    assert texts[0] == "What is the weather in Berlin?"
    assert texts[1] == "I will look."
    assert json.loads(texts[2])[0]["data"] == {
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city": "Berlin"}',
    }
    assert json.loads(texts[3])[0]["data"]["output"] == "21 °C in Berlin"
    assert texts[4] == "It is 21 °C."


async def test_session_is_the_agents_own_unless_given(
    publisher: Publisher, stored: Stored, fresh_name: str
) -> None:
    friday = agent(
        Script([TextBlock(text="Hello.")]), PublishingMiddleware(fresh_name, publisher=publisher)
    )

    await friday.reply(UserMsg("Mei", "Hi."))

    messages = stored(fresh_name, friday.state.session_id, 2)
    assert [m["text"] for m in messages] == ["Hi.", "Hello."]


async def test_words_of_a_reply_that_is_broken_off_are_stored(
    publisher: Publisher, stored: Stored, fresh_name: str
) -> None:
    script = Script([TextBlock(text="Once upon a time")], hangs=True)
    friday = agent(script, PublishingMiddleware(fresh_name, fresh_name, publisher=publisher))

    task = asyncio.create_task(friday.reply(UserMsg("Mei", "Tell me a story.")))
    await script.is_hanging.wait()  # its first words were taken
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    messages = stored(fresh_name, fresh_name, 2)
    assert [m["text"] for m in messages][:2] == ["Tell me a story.", "Once upon a time"]


async def test_pictures_are_kept_by_address_and_large_data_is_described(
    publisher: Publisher, stored: Stored, fresh_name: str
) -> None:
    friday = agent(
        Script([TextBlock(text="A cat.")]),
        PublishingMiddleware(fresh_name, fresh_name, publisher=publisher),
    )
    picture = URLSource(url="https://example.com/cat.png", media_type="image/png")
    large = Base64Source(data="A" * 300_000, media_type="application/pdf")

    blocks = [DataBlock(source=picture), DataBlock(source=large, name="a.pdf")]

    await friday.reply(UserMsg("Mei", blocks))

    assert stored(fresh_name, fresh_name, 2)[0]["text"] == "[image] [data]"
    kept, described = map(_part, blocks)
    assert kept == {"type": "image", "image_url": "https://example.com/cat.png"}
    assert described["data"]["left_out"]["base64_characters"] == 300_000


async def test_what_no_event_can_hold_does_not_stop_the_agent(
    publisher: Publisher, stored: Stored, fresh_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    friday = agent(
        Script([TextBlock(text="Thank you.")]),
        PublishingMiddleware(fresh_name, fresh_name, publisher=publisher),
    )

    answer = await friday.reply(UserMsg("Mei", "x" * 300_000))

    assert answer.get_text_content() == "Thank you."
    assert "message.not_published" in caplog.text
    assert "xxx" not in caplog.text
    assert [m["text"] for m in stored(fresh_name, fresh_name, 1)] == ["Thank you."]

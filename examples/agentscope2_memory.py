"""An agent of AgentScope 2.x with its long-term memory middleware on our memory, beside our publishing one.

make example NAME=agentscope2_memory
"""

import asyncio
import time
from typing import Any

from agentscope.agent import Agent
from agentscope.credential import CredentialBase
from agentscope.formatter import OpenAIChatFormatter
from agentscope.message import TextBlock, UserMsg
from agentscope.middleware import Mem0Middleware
from agentscope.model import ChatModelBase, ChatResponse
from agentscope.tool import Toolkit

from tablestore_memory import Publisher, Recall
from tablestore_memory.adapters.mem0 import Mem0Client
from tablestore_memory.producer.agentscope import PublishingMiddleware

USER = "example-guest"


class Quoting(ChatModelBase):
    """Stands where your model does: it says what it was told is remembered."""

    def __init__(self) -> None:
        super().__init__(CredentialBase(), "quoting", self.Parameters(stream=False), 10**6)
        self.formatter = OpenAIChatFormatter()

    async def _call_api(self, _: str, messages: list[Any], *__: Any, **___: Any) -> Any:
        shown = "\n".join(str(message.model_dump()) for message in messages)
        known = "allergic to peanuts" in shown.partition("Relevant memories")[2]
        text = "No satay: you are allergic to peanuts." if known else "Good to know."
        return ChatResponse(content=[TextBlock(text=text)], is_last=True)


async def main() -> None:
    """What is said in one session is known in the next."""
    async with Publisher() as publisher:
        with Recall.from_env() as recall:
            client = Mem0Client(published=True, publisher=publisher, recall=recall)
            await said("I am allergic to peanuts.", "first", client, publisher)
            publisher.session_end(user_id=USER, session_id="first")
            await asyncio.to_thread(remembered, recall)
            await said("Shall we have satay with peanuts?", "second", client, publisher)


def remembered(recall: Recall) -> None:
    """Wait until something is."""
    deadline = time.monotonic() + 30
    while not recall.memories(user_id=USER) and time.monotonic() < deadline:
        time.sleep(0.2)


async def said(text: str, session_id: str, client: Mem0Client, publisher: Publisher) -> None:
    """One turn with an agent of its own, as in a new process."""
    memory = Mem0Middleware(user_id=USER, client=client)
    friday = Agent(
        name="Friday",
        system_prompt="You are helpful.",
        model=Quoting(),
        toolkit=Toolkit(tools=await memory.list_tools()),
        middlewares=[PublishingMiddleware(USER, session_id, publisher=publisher), memory],
    )
    answer = await friday.reply(UserMsg("Ana", text))
    print(f"{text}  →  {answer.get_text_content()}")


if __name__ == "__main__":
    asyncio.run(main())

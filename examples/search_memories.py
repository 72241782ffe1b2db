"""Search memories by words and by meaning; those just added are found too.

make example NAME=search_memories
"""

import asyncio

from agentscope_runtime.engine.schemas.agent_schemas import Message, TextContent
from connections import memory

from tablestore_memory.producer.agentscope import SearchStrategy

USER = "example-user"
FACTS = ("I am allergic to peanuts.", "I play the violin.", "我在柏林工作。")
QUESTIONS = ("Which instrument do I play?", "peanuts", "柏林")


def said(text: str) -> Message:
    """A message of one text."""
    return Message(role="user", content=[TextContent(text=text)])


async def main() -> None:
    """Ask three questions in two ways."""
    for strategy in SearchStrategy:
        async with memory(strategy) as service:
            await service.add_memory(USER, [said(fact) for fact in FACTS])
            for question in QUESTIONS:
                found = await service.search_memory(USER, [said(question)], {"top_k": 1})
                answers = [message.get_text_content() for message in found]
                print(f"{strategy.value:>9}  {question}  →  {answers}")


if __name__ == "__main__":
    asyncio.run(main())

"""Add memories: they are listed at once, and stored, embedded and searchable a moment later.

make example NAME=add_memories
"""

import asyncio

from agentscope_runtime.engine.schemas.agent_schemas import Message, TextContent
from connections import memory

USER = "example-user"
FACTS = ("I am allergic to peanuts.", "I play the violin.", "我在柏林工作。")


async def main() -> None:
    """Add three, and list what there is."""
    messages = [Message(role="user", content=[TextContent(text=fact)]) for fact in FACTS]
    async with memory() as service:
        await service.add_memory(USER, messages, session_id="example-session")
        for message in await service.list_memory(USER, {"page_size": 10}):
            print(f"{message.id}  {message.get_text_content()}")


if __name__ == "__main__":
    asyncio.run(main())

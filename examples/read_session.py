"""Read a session back: its messages in order, also those that no worker has stored yet.

make example NAME=read_session
"""

import asyncio

from agentscope_runtime.engine.schemas.agent_schemas import Message, TextContent
from connections import session_history

USER, SESSION = "example-user", "example-reading"
LINES = (("user", "I live in Hamburg now."), ("assistant", "Good to know."))


async def main() -> None:
    """Append to a session, read it at once, list all sessions."""
    async with session_history() as service:
        session = await service.create_session(USER, SESSION)
        for role, text in LINES:
            message = Message(role=role, content=[TextContent(text=text)])
            await service.append_message(session, message)
        for message in (await service.get_session(USER, SESSION)).messages:
            print(f"{message.role:>9}: {message.get_text_content()}")
        print("sessions:", ", ".join(each.id for each in await service.list_sessions(USER)))


if __name__ == "__main__":
    asyncio.run(main())

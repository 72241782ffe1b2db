"""Create a session and append to it: a question, a tool call with its result, the answer.

make example NAME=append_messages
"""

import asyncio
import time

from agentscope_runtime.engine.schemas.agent_schemas import DataContent, Message, TextContent
from connections import session_history

USER, SESSION = "example-user", "example-session"
CALL = {"call_id": "call_1", "name": "weather", "arguments": '{"city": "Berlin"}'}
RESULT = {"call_id": "call_1", "output": "21 °C, sunny"}


async def main() -> None:
    """Append four messages and say what that took."""
    async with session_history() as service:
        session = await service.create_session(USER, SESSION)
        started = time.perf_counter()
        await service.append_message(
            session,
            [
                Message(role="user", content=[TextContent(text="What is the weather in Berlin?")]),
                Message(type="function_call", role="assistant", content=[DataContent(data=CALL)]),
                Message(
                    type="function_call_output", role="tool", content=[DataContent(data=RESULT)]
                ),
                Message(role="assistant", content=[TextContent(text="It is 21 °C and sunny.")]),
            ],
        )
        took_ms = (time.perf_counter() - started) * 1000
        print(f"{len(session.messages)} messages appended in {took_ms:.2f} ms")


if __name__ == "__main__":
    asyncio.run(main())

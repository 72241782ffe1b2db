"""An agent of the OpenAI Agents SDK whose session is kept in Tablestore, and remembered.

make example NAME=openai_agents_session
"""

import asyncio
import uuid
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from tablestore_memory.adapters.openai_agents import TablestoreSession


class Counting(Model):
    """Stands where your model does: it says how many items it was shown."""

    async def get_response(
        self, system_instructions: Any, input: Any, *_: Any, **__: Any
    ) -> ModelResponse:
        """One message."""
        text = ResponseOutputText(
            type="output_text", text=f"I see {len(input)} items.", annotations=[]
        )
        message = ResponseOutputMessage(
            id=f"msg_{uuid.uuid4().hex}",
            type="message",
            role="assistant",
            status="completed",
            content=[text],
        )
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        """Not asked for here."""
        raise NotImplementedError


async def main() -> None:
    """Two runs in one session: the second sees what the first said."""
    set_tracing_disabled(True)
    agent = Agent(name="Friday", model=Counting())
    session = TablestoreSession("example-user", f"example-{uuid.uuid4().hex[:6]}")
    for said in ("I am allergic to peanuts.", "What did I say?"):
        result = await Runner.run(agent, said, session=session)
        print(f"{said}  →  {result.final_output}")
    print(f"{len(await session.get_items())} items in the session")


if __name__ == "__main__":
    asyncio.run(main())

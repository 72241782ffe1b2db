"""A chat behind FastAPI that remembers: one publisher and one recall for the whole process.

make example NAME=fastapi_chat

curl -H 'Content-Type: application/json' http://127.0.0.1:8000/chat \
    -d '{"user_id": "ana", "session_id": "s1", "text": "I am allergic to peanuts."}'
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from tablestore_memory import Publisher, Recall


class Said(BaseModel):
    """What a person says."""

    user_id: str
    session_id: str
    text: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Both are made once, for all requests, and deliver and close at the end."""
    async with Publisher() as app.state.memory:
        with Recall.from_env() as app.state.recall:
            await app.state.recall.aio(user_id="nobody", query="hello")  # opens its connections
            yield


app = FastAPI(lifespan=lifespan)


@app.post("/chat")
async def chat(said: Said) -> dict[str, str]:
    """Recall, answer, publish. Publishing takes microseconds, so it needs no background task."""
    memory, recall = app.state.memory, app.state.recall
    whose = {"user_id": said.user_id, "session_id": said.session_id}
    known = await recall.aio(user_id=said.user_id, query=said.text)
    memory.message(**whose, role="user", content=said.text)
    answer = await answered(f"You are a friendly assistant.\n\n{known.text}", said.text)
    memory.message(**whose, role="assistant", content=answer)
    return {"answer": answer}


async def answered(system: str, text: str) -> str:
    """What Qwen says; put your own model here."""
    url = f"{os.environ['DASHSCOPE_HTTP_BASE_URL']}/services/aigc/text-generation/generation"
    said = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        response = await client.post(
            url,
            headers={"Authorization": f"Bearer {os.environ['DASHSCOPE_API_KEY']}"},
            json={
                "model": "qwen-plus",
                "input": {"messages": said},
                "parameters": {"result_format": "message"},
            },
        )
    answer: str = response.raise_for_status().json()["output"]["choices"][0]["message"]["content"]
    return answer


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)

"""A server in DashScope's shape whose model is a cassette, and whoever fills it.

While nobody has answered a prompt, its caller gets white space, which JSON allows in front: a read times out
between two bytes, not over all of them, so an answer may take hours. A prompt that has no answer and will get
none is refused with an error that stops the caller for good. Usage is counted as the bill counts it.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from bench.evaluation.answers import Answers
from bench.evaluation.bill import Bill, Cost
from bench.evaluation.prompt import Prompt
from tablestore_memory.localcloud.dashscope import embeddings, rerank, wire
from tablestore_memory.localcloud.dashscope.embeddings import Embedder
from tablestore_memory.localcloud.dashscope.errors import ServiceError
from tablestore_memory.localcloud.dashscope.http import (
    EMBEDDING,
    GENERATION,
    MOST_BODY_BYTES,
    RERANK,
)

Json = dict[str, Any]
_LOOK_EVERY_S = 0.5
_START_S = 10.0


@dataclass(frozen=True)
class Recorder:
    """Its operations. It reranks by the stand-in's rules, which judge no model."""

    answers: Answers
    bill: Bill
    embedder: Embedder

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BODY_BYTES)
        app.router.add_post(GENERATION, self._generate)
        app.router.add_post(EMBEDDING, self._embed)
        app.router.add_post(RERANK, self._rerank)
        return app

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        try:
            prompt = _prompt(await request.json())
        except ServiceError as error:
            return _refused(error)
        self.answers.expect(prompt)
        answer = self.answers.find(prompt)
        if answer is None and not self.answers.are_recorded:
            return _refused(ServiceError(403, "AccessDenied", "The cassette has no answer."))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while answer is None:
            await response.write(b" ")
            await asyncio.sleep(_LOOK_EVERY_S)
            answer = self.answers.find(prompt)
        await response.write(_answered(prompt, answer, self.bill.add(prompt, answer)))
        await response.write_eof()
        return response

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        return await _computed(request, partial(embeddings.answer, embedder=self.embedder))

    async def _rerank(self, request: web.Request) -> web.StreamResponse:
        return await _computed(request, rerank.answer)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address, ending in /api/v1, served by a thread of its own."""
        address: Future[str] = Future()
        ended, loop = asyncio.Event(), asyncio.new_event_loop()
        serve = _serve(self.app(), address, ended)
        thread = threading.Thread(target=loop.run_until_complete, args=(serve,), daemon=True)
        thread.start()
        try:
            yield address.result(_START_S)
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()


async def _computed(
    request: web.Request, answer: Callable[[Json], tuple[Json, int]]
) -> web.StreamResponse:
    try:
        output, used = await asyncio.to_thread(answer, await request.json())
    except ServiceError as error:
        return _refused(error)
    usage = {"total_tokens": used}
    return web.json_response({"output": output, "usage": usage, "request_id": "local"})


async def _serve(app: web.Application, address: "Future[str]", ended: asyncio.Event) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address.set_result(f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1")
    await ended.wait()
    await runner.cleanup()


def _prompt(body: Json) -> Prompt:
    turns = wire.turns(body)
    system = "\n".join(turn.text for turn in turns if turn.role == "system")
    return Prompt(system, "\n".join(turn.text for turn in turns if turn.role == "user"))


def _answered(prompt: Prompt, answer: str, cost: Cost) -> bytes:
    message = {"role": "assistant", "content": answer}
    usage = {
        "input_tokens": cost.input_tokens,
        "output_tokens": cost.output_tokens,
        "total_tokens": cost.input_tokens + cost.output_tokens,
        "prompt_tokens_details": {"cached_tokens": cost.cached_tokens},
    }
    return json.dumps(
        {
            "output": {"choices": [{"finish_reason": "stop", "message": message}]},
            "usage": usage,
            "request_id": prompt.name,
        },
        ensure_ascii=False,
    ).encode("utf-8", "surrogatepass")


def _refused(error: ServiceError) -> web.Response:
    body = {"code": error.code, "message": error.message, "request_id": "local"}
    return web.json_response(body, status=error.status)

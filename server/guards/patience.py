"""A request has so long until its answer begins, and as long for each part of it to be made, and to be taken."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tablestore_memory.server.problems import TooSlow


class Patience:
    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds) as timer:

                async def watched(message: Message) -> None:
                    timer.reschedule(loop.time() + self._seconds)
                    await send(message)
                    timer.reschedule(loop.time() + self._seconds)

                await self._app(scope, receive, watched)
        except TimeoutError:
            raise TooSlow(f"not done within {self._seconds:g} s") from None

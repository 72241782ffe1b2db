"""An answer onto the wire, whole or as events, well or as badly as a fault wants it.

Owns the bytes: JSON bodies, server-sent events, and the faults that live in the connection.
"""

import asyncio
import json
from dataclasses import dataclass

from aiohttp import web

from tablestore_memory.localcloud.dashscope.wire import Json
from tablestore_memory.localcloud.faults import Fault

DRIPS = 10


@dataclass(frozen=True)
class Sending:
    """What to send: one JSON body, or events of one JSON each."""

    status: int
    parts: list[Json]
    headers: dict[str, str]
    events: bool = False

    def body(self) -> list[bytes]:
        if not self.events:
            return [_json(self.parts[0])]
        return [
            f"id:{n}\nevent:result\n:HTTP_STATUS/200\ndata:".encode() + _json(part) + b"\n\n"
            for n, part in enumerate(self.parts, 1)
        ]


def _json(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


async def send(request: web.Request, sending: Sending, fault: Fault | None) -> web.StreamResponse:
    """Send it, or do what the fault says to the connection."""
    kind = fault.kind if fault else ""
    if kind == "reset":
        return _reset(request)
    if fault and kind == "latency":
        await asyncio.sleep(fault.delay_s())
    if kind == "empty-error":
        return web.Response(status=500, body=b"", content_type="application/json")
    pieces = sending.body()
    if kind == "broken-json":
        pieces = [pieces[0][: len(pieces[0]) // 2]]
    if kind in ("drip", "reset-midway"):
        pieces = _small(b"".join(pieces))
    return await _stream(request, sending, pieces, fault)


async def _stream(
    request: web.Request, sending: Sending, pieces: list[bytes], fault: Fault | None
) -> web.StreamResponse:
    content_type = "text/event-stream" if sending.events else "application/json"
    response = web.StreamResponse(status=sending.status, headers=sending.headers)
    response.content_type, response.charset = content_type, "utf-8"
    if not sending.events:
        response.content_length = sum(map(len, pieces))
    await response.prepare(request)
    pause_s = fault.delay_s() / len(pieces) if fault and fault.kind == "drip" else 0
    for number, piece in enumerate(pieces):
        if fault and fault.kind == "reset-midway" and number == len(pieces) // 2:
            return _reset(request)
        await response.write(piece)
        if pause_s:
            await asyncio.sleep(pause_s)
    await response.write_eof()
    return response


def _small(whole: bytes) -> list[bytes]:
    size = -(-len(whole) // DRIPS)
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _reset(request: web.Request) -> web.StreamResponse:
    """End the connection with a TCP reset rather than an orderly close."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()

"""The admin path of a test: ask for faults, read the calls. Off unless asked for.

`POST /admin/faults` one fault or a list, `GET` what is due, `DELETE` all; `GET /admin/calls` counts,
token sums and the last calls, `DELETE` resets them.
"""

from aiohttp import web

from tablestore_memory.localcloud.dashscope.calls import Calls
from tablestore_memory.localcloud.dashscope.faults import Faults


def add_routes(app: web.Application, faults: Faults, calls: Calls) -> None:
    """Serve the admin paths for these faults and calls."""

    async def ask(request: web.Request) -> web.Response:
        wishes = await request.json()
        try:
            for wish in wishes if isinstance(wishes, list) else [wishes]:
                faults.add(wish)
        except (TypeError, ValueError) as error:
            return web.json_response({"message": str(error)}, status=400)
        return due(request)

    def due(_: web.Request) -> web.Response:
        return web.json_response([vars(fault) for fault in faults.due])

    async def show_due(request: web.Request) -> web.Response:
        return due(request)

    async def forget(request: web.Request) -> web.Response:
        faults.due.clear()
        return due(request)

    async def show_calls(_: web.Request) -> web.Response:
        return web.json_response(calls.as_json())

    async def reset_calls(_: web.Request) -> web.Response:
        calls.reset()
        return web.json_response(calls.as_json())

    app.router.add_post("/admin/faults", ask)
    app.router.add_get("/admin/faults", show_due)
    app.router.add_delete("/admin/faults", forget)
    app.router.add_get("/admin/calls", show_calls)
    app.router.add_delete("/admin/calls", reset_calls)

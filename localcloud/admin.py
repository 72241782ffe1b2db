"""`/_faults`, where tests set faults: POST one, GET them all with their counts, DELETE to end them."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from tablestore_memory.localcloud.faults import BadFault, Faults

PATH: Final = "/_faults"


class Admin:
    """The admin path of a stand-in. It asks for no key, and is there only with `--faults`."""

    def __init__(self, faults: Faults, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called when there are other faults than before."""
        self._faults = faults
        self._changed = changed

    async def handle(self, request: web.BaseRequest) -> web.Response:
        match request.method:
            case "GET":
                return self._all()
            case "DELETE":
                self._faults.clear()
                self._changed()
                return self._all()
            case "POST":
                return self._add(await request.read())
        return web.json_response({"error": "GET, POST or DELETE"}, status=405)

    def _add(self, body: bytes) -> web.Response:
        try:
            self._faults.add(body)
        except BadFault as error:
            return web.json_response({"error": str(error)}, status=400)
        self._changed()
        return self._all(status=201)

    def _all(self, status: int = 200) -> web.Response:
        return web.json_response(self._faults.as_json(), status=status)

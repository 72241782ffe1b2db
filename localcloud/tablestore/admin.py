"""`/_faults`, where tests set faults: POST one, GET them all with their counts, DELETE to end them."""

import json
from typing import Any, Final

from aiohttp import web

from tablestore_memory.localcloud.tablestore.faults import BadFault, Fault, Faults
from tablestore_memory.localcloud.tablestore.search.engine import SearchEngine


class Admin:
    """The admin path. Neither signed nor there unless the server is started with `--faults`."""

    PATH: Final = "/_faults"

    def __init__(
        self, faults: Faults, search: SearchEngine, default_lag_s: tuple[float, float]
    ) -> None:
        self._faults = faults
        self._search = search
        self._default_lag_s = default_lag_s

    async def handle(self, request: web.BaseRequest) -> web.Response:
        match request.method:
            case "GET":
                return web.json_response(self._faults.as_json())
            case "DELETE":
                self._faults.clear()
                self._search.set_lag(self._default_lag_s)
                self._search.resume()
                return web.json_response([])
            case "POST":
                return self._add(await request.read())
        return web.json_response({"error": "GET, POST or DELETE"}, status=405)

    def _add(self, body: bytes) -> web.Response:
        try:
            fields = json.loads(body)
            fault = self._faults.add(_object(fields))
        except (BadFault, json.JSONDecodeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._apply_to_indexes(fault)
        return web.json_response(self._faults.as_json(), status=201)

    def _apply_to_indexes(self, fault: Fault) -> None:
        if fault.kind == "index-lag" and isinstance(fault.seconds, list):
            low, high = fault.seconds
            self._search.set_lag((low, high))
        elif fault.kind == "index-stop":
            self._search.pause()


def _object(fields: object) -> dict[str, Any]:
    if not isinstance(fields, dict):
        raise BadFault("a fault is a JSON object")
    return fields

"""The HTTP side: headers, signatures, and the one place where results and errors become responses."""

import asyncio
import itertools
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import web
from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud import admin
from tablestore_memory.localcloud.admin import Admin
from tablestore_memory.localcloud.faults import Fault, Faults
from tablestore_memory.localcloud.tablestore import auth
from tablestore_memory.localcloud.tablestore.auth import Account, SigningKey
from tablestore_memory.localcloud.tablestore.errors import (
    InternalServerError,
    MethodNotAllowed,
    OTSError,
    RequestBodyTooLarge,
)
from tablestore_memory.localcloud.tablestore.faults import error_of, row_failures
from tablestore_memory.localcloud.tablestore.instance import Instance
from tablestore_memory.localcloud.tablestore.routes import dispatch

# Room for a batch of 4 MB of values with their names, keys and checksums.
MAX_BODY_BYTES = 16 * 1024 * 1024

log = logging.getLogger(__name__)


class Gateway:
    """Answers every request of the server."""

    def __init__(
        self,
        instance: Instance,
        account: Account,
        faults: Faults,
        admin_path: Admin | None,
        clock: Callable[[], float],
    ) -> None:
        self._instance = instance
        self._account = account
        self._faults = faults
        self._admin = admin_path
        self._clock = clock
        self._request_ids = (f"local-{os.getpid()}-{n:08x}" for n in itertools.count(1))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._admin and request.path == admin.PATH:
            return await self._admin.handle(request)
        key: SigningKey | None = None
        try:
            body = await self._read(request)
            headers = {n.lower(): v for n, v in request.headers.items()}
            signed = {n: v for n, v in headers.items() if n.startswith("x-ots-")}
            key = auth.authenticate(self._account, request.path, signed, body, self._clock())
            return self._response(200, await self._answer(request, body), request.path, key)
        except OTSError as error:
            return self._failure(error, request.path, key)
        except ConnectionError:  # the client has gone, or a fault has cut it off
            raise
        except Exception:  # a bug of ours: the client gets the service's words for it
            log.exception("%s failed", request.path)
            return self._failure(InternalServerError(), request.path, key)

    async def _read(self, request: web.BaseRequest) -> bytes:
        """Raises MethodNotAllowed, RequestBodyTooLarge."""
        if request.method != "POST":
            raise MethodNotAllowed
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise RequestBodyTooLarge from error

    async def _answer(self, request: web.BaseRequest, body: bytes) -> bytes:
        operation = request.path.removeprefix("/")
        fault = self._faults.strike(operation, body)
        if fault and fault.kind == "latency":
            await asyncio.sleep(fault.delay_s())
        _strike(fault, request, after=False)
        answer = dispatch(self._instance, operation, body, row_failures(fault))
        _strike(fault, request, after=True)
        return answer

    def _failure(self, error: OTSError, path: str, key: SigningKey | None) -> web.Response:
        body = pb.Error(code=error.code, message=error.message).SerializeToString()
        return self._response(error.http_status, body, path, key)

    def _response(
        self, status: int, body: bytes, path: str, key: SigningKey | None
    ) -> web.Response:
        headers = {
            "x-ots-contentmd5": auth.content_md5(body),
            "x-ots-contenttype": "protocol buffer",
            "x-ots-date": _date(self._clock()),
            "x-ots-requestid": next(self._request_ids),
        }
        if key is not None:
            signature = auth.sign_response(key, path, headers)
            headers["Authorization"] = f"OTS {self._account.access_key_id}:{signature}"
        reason = HTTPStatus(status).phrase
        return web.Response(status=status, reason=reason, body=body, headers=headers)


def _strike(fault: Fault | None, request: web.BaseRequest, *, after: bool) -> None:
    """Raises the error that a fault asks for, or cuts the connection."""
    if fault is None or fault.after != after:
        return
    if fault.kind == "error":
        raise error_of(fault)
    if fault.kind == "reset":
        if request.transport:
            request.transport.abort()
        raise ConnectionResetError


def _date(now_s: float) -> str:
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

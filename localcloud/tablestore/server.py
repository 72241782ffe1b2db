"""`python -m tablestore_memory.localcloud tablestore …`: the local Tablestore as a process."""

import argparse
import asyncio
import contextlib
import gc
import itertools
import logging
import signal
import sqlite3
import time
from functools import partial
from pathlib import Path

from aiohttp import web

from tablestore_memory.localcloud import admin
from tablestore_memory.localcloud.admin import Admin
from tablestore_memory.localcloud.faults import Faults
from tablestore_memory.localcloud.tablestore.auth import Account
from tablestore_memory.localcloud.tablestore.faults import REPERTOIRE, apply_to_indexes
from tablestore_memory.localcloud.tablestore.http import MAX_BODY_BYTES, Gateway
from tablestore_memory.localcloud.tablestore.instance import Instance

HOUSEKEEPING_S = 0.25
EXPIRY_TURNS = 40  # ten seconds, when the shortest time to live is a day
KEEP_ALIVE_S = 75.0  # longer than any client of ours is idle between two requests of a test

log = logging.getLogger(__name__)


def main(argv: list[str]) -> int:
    """Serve until SIGTERM or SIGINT. Prints `ready http://…` once requests are answered."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    options = _options(argv)
    try:
        asyncio.run(serve(options))
    except (OSError, sqlite3.DatabaseError) as error:
        log.error("cannot serve %s on port %d: %s", options.data, options.port, error)
        return 1
    return 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tablestore_memory.localcloud tablestore", description=__doc__
    )
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container, nowhere else")
    parser.add_argument("--port", type=int, default=8087, help="0 takes a free one")
    parser.add_argument("--data", default=".local/tablestore.db", help="a file, or :memory:")
    parser.add_argument(
        "--index-lag", type=_lag, default=(1.0, 3.0), metavar="A-B", help="seconds, 1-3 by default"
    )
    parser.add_argument("--instance", default="local")
    parser.add_argument("--access-key-id", default="local")
    parser.add_argument("--access-key-secret", default="local")
    parser.add_argument("--faults", action="store_true", help=f"serve {admin.PATH}, for tests")
    return parser.parse_args(argv)


def _lag(text: str) -> tuple[float, float]:
    """`A-B` or `A`, in seconds."""
    low, _, high = text.partition("-")
    lag = float(low), float(high or low)
    if not 0 <= lag[0] <= lag[1]:
        raise ValueError(text)
    return lag


async def serve(options: argparse.Namespace) -> None:
    """Serve as the options say, until a signal."""
    if options.data != ":memory:":
        Path(options.data).parent.mkdir(parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    clock = time.time
    instance = Instance(options.data, lag_s=options.index_lag, later=loop.call_later, clock=clock)
    faults = Faults(REPERTOIRE)
    changed = partial(apply_to_indexes, faults, instance.search, options.index_lag)
    admin_path = Admin(faults, changed) if options.faults else None
    account = Account(options.instance, options.access_key_id, options.access_key_secret)
    gateway = Gateway(instance, account, faults, admin_path, clock)
    _collect_less_often()
    with contextlib.closing(instance):
        await _serve(gateway, instance, options.host, options.port)


def _collect_less_often() -> None:
    """Keep cyclic garbage collection out of the way: rows and documents are no cycles.

    Each of its full rounds would look through every document of the search indexes.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


async def _serve(gateway: Gateway, instance: Instance, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    make_request = partial(web.BaseRequest, loop=loop, client_max_size=MAX_BODY_BYTES)
    server = web.Server(
        gateway.handle,
        request_factory=make_request,
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_S,
    )
    listener = await loop.create_server(server, host, port, backlog=512)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keeping = loop.create_task(_keep_house(instance))
    port = listener.sockets[0].getsockname()[1]
    print(f"ready http://{host}:{port}", flush=True)  # noqa: T201 the contract
    await stop.wait()
    keeping.cancel()
    listener.close()
    server.pre_shutdown()  # idle connections need no waiting for
    await server.shutdown(timeout=1)


async def _keep_house(instance: Instance) -> None:
    """Let due changes into the search indexes, and expired rows out of the tables."""
    for turn in itertools.count(1):
        await asyncio.sleep(HOUSEKEEPING_S)
        instance.search.tick()
        if turn % EXPIRY_TURNS == 0:
            instance.rows.expire()

"""`python -m tablestore_memory.localcloud dashscope`: the local DashScope as a process, on loopback only."""

import argparse
import asyncio
import logging
import signal
import sys

from aiohttp import web

from tablestore_memory.localcloud.dashscope.embeddings import Embedder, hashed
from tablestore_memory.localcloud.dashscope.http import make_app

GRACE_S = 2.0  # for answers under way when the end is asked for


def main(argv: list[str]) -> int:
    """Serve until SIGTERM or SIGINT; print `ready http://…/api/v1` once it does."""
    options = _parse(argv)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING if options.quiet else logging.INFO,
        format="%(levelname)s %(message)s",
    )
    return asyncio.run(_serve(options))


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tablestore_memory.localcloud dashscope", description=__doc__
    )
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container, nowhere else")
    parser.add_argument("--port", type=int, default=8088, help="0 takes a free one")
    parser.add_argument("--api-key", default="local", help="the one key that is accepted")
    parser.add_argument(
        "--faults", action="store_true", help="serve /_faults and /_calls, for tests"
    )
    parser.add_argument(
        "--embeddings",
        choices=("hashed", "real"),
        default="hashed",
        help="real: of a small multilingual model; hashed: near is what shares words",
    )
    parser.add_argument(
        "--retired-models",
        action="store_true",
        help="answer in the name of models that the service has retired, too",
    )
    parser.add_argument("--quiet", action="store_true", help="no line for each call")
    return parser.parse_args(argv)


def _embedder(name: str) -> Embedder:
    if name == "hashed":
        return hashed
    # The model is loaded here, and only here.
    from tablestore_memory.localcloud.dashscope.real_embeddings import RealEmbeddings

    return RealEmbeddings()


async def _serve(options: argparse.Namespace) -> int:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    app = make_app(
        options.api_key,
        with_faults=options.faults,
        embedder=_embedder(options.embeddings),
        retired_models=options.retired_models,
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port).start()
        port = runner.addresses[0][1]
        print(f"ready http://{options.host}:{port}/api/v1", flush=True)  # noqa: T201 - the contract
        await ended.wait()
    except OSError as error:
        logging.getLogger(__name__).error("dashscope.not_serving port=%s: %s", options.port, error)
        return 1
    finally:
        await runner.cleanup()
    return 0

"""`append_message` of the drop-in beside AgentScope Runtime's own, in one run.

    make bench-agentscope

Both append the same messages one after another, in turns of fifty, so that whatever else the machine does
hits both. AgentScope's own pays a GetRow and a PutRow to a Tablestore on this machine (no network
between); the drop-in pays validation, the journal and a queue. At the end every message must be in
the store.
"""

import argparse
import asyncio
import gc
import os
import statistics
import time
import uuid
from collections.abc import Callable
from typing import Any

import tablestore
from agentscope_runtime.engine.schemas.agent_schemas import Message, TextContent
from agentscope_runtime.engine.services.session_history import (
    TablestoreSessionHistoryService as Own,
)
from agentscope_runtime.engine.services.utils.tablestore_service_utils import (
    create_tablestore_client,
)

from tablestore_memory.producer.agentscope import TablestoreSessionHistoryService as DropIn

TEXT = "The quick brown fox jumps over the lazy dog; 敏捷的棕色狐狸跳过了懒狗。 " * 4
TURN = 50
STORED_S = 60


async def main(messages: int) -> None:
    """Measure, check that all is stored, print."""
    sides = {"AgentScope's own": Own, "drop-in": DropIn}
    services: dict[str, Any] = {name: kind(_client()) for name, kind in sides.items()}
    sessions = {name: await _begun(service) for name, service in services.items()}
    took: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(messages // TURN):
        for name, service in services.items():
            took[name] += await _turn(service, sessions[name])
    await _all_stored(services["AgentScope's own"], sessions, messages // TURN * TURN)
    for service in services.values():
        await service.stop()
    _print(took)


async def _begun(service: Any) -> Any:
    await service.start()
    session = await service.create_session("bench", uuid.uuid4().hex)
    await service.append_message(session, _message())  # connections, threads, the first event
    return session


async def _turn(service: Any, session: Any) -> list[float]:
    messages = [_message() for _ in range(TURN)]
    session.messages.clear()
    gc.collect()
    took = []
    for message in messages:
        started = time.perf_counter()
        await service.append_message(session, message)
        took.append(time.perf_counter() - started)
        await asyncio.sleep(0)
    return took


async def _all_stored(service: Any, sessions: dict[str, Any], messages: int) -> None:
    """Raises SystemExit if a message is missing: then the figures mean nothing."""
    deadline = time.monotonic() + STORED_S
    for name, session in sessions.items():
        while True:
            found = len((await service.get_session("bench", session.id)).messages)
            if found == messages + 1:
                break
            if time.monotonic() > deadline:
                raise SystemExit(f"{name}: {found} of {messages + 1} messages stored")
            await asyncio.sleep(0.2)


def _print(took: dict[str, list[float]]) -> None:
    own, ours = took.values()
    print(f"append_message, {len(own)} messages of {len(TEXT.encode())} bytes each, µs a call")
    print(f"{'':>17} {'p50':>9} {'p99':>9} {'mean':>9}")
    measures: list[Callable[[list[float]], float]] = [statistics.median, _p99, statistics.fmean]
    for name, values in took.items():
        print(f"{name:>17} " + " ".join(f"{measure(values) * 1e6:9.1f}" for measure in measures))
    print(f"{'times as fast':>17} " + " ".join(f"{m(own) / m(ours):9.1f}" for m in measures))


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def _message() -> Message:
    return Message(role="user", status="completed", content=[TextContent(text=TEXT)])


def _client() -> Any:
    return create_tablestore_client(
        end_point=os.environ["TABLESTORE_ENDPOINT"],
        instance_name=os.environ["TABLESTORE_INSTANCE_NAME"],
        access_key_id=os.environ["TABLESTORE_ACCESS_KEY_ID"],
        access_key_secret=os.environ["TABLESTORE_ACCESS_KEY_SECRET"],
        retry_policy=tablestore.NoRetryPolicy(),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=2000)
    asyncio.run(main(parser.parse_args().messages))

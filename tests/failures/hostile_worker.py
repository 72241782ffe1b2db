"""A Celery app whose steps do what an item says: `celery -A tests.failures.hostile_worker worker`.

What a message or a text to remember begins with decides what becomes of the step that has it in its hands:
nothing that the contract lets through does this, so it is put into the worker here, and into the processes in
which it does something apart.
"""

import os
from dataclasses import replace
from typing import Any

from tablestore_memory.protocol.events import encode
from tablestore_memory.worker import apart_main
from tablestore_memory.worker.app import create_app
from tablestore_memory.worker.consolidation.consolidate import Consolidation
from tablestore_memory.worker.extract import facts
from tablestore_memory.worker.ingest.batches import build_batch
from tablestore_memory.worker.ingest.drain import Ingest
from tablestore_memory.worker.pool import apart
from tablestore_memory.worker.requests.carry_out import RequestWork
from tablestore_memory.worker.settings import Settings
from tests.failures.hostile import suffer

carry_out, find = RequestWork.carry_out, facts.FactFinder.find
drain, decided = Ingest.drain, Consolidation.decided


def hostile_batch(entries: Any, *more: Any) -> Any:
    for entry in entries:
        suffer(entry.raw.decode(errors="replace"))
    return build_batch(entries, *more)


def hostile_drain(self: Ingest, partition: int) -> int:
    return drain(replace(self, build=hostile_batch), partition)


def hostile_work(self: Any, event: Any, received_ms: int) -> None:
    suffer(encode(event).decode())
    carry_out(self, event, received_ms)


def hostile_find(self: Any, user_id: str, session_id: str, context: Any, new: Any) -> Any:
    for said in new:
        suffer(said.text)
    return find(self, user_id, session_id, context, new)


def hostile_decided(self: Consolidation, new: Any, known: Any, *more: Any, **named: Any) -> Any:
    for each in known.values():
        suffer(each.memory.text)
    return decided(self, new, known, *more, **named)


if "ingest" in os.environ.get("HOSTILE_STEPS", ""):
    Ingest.drain = hostile_drain  # type: ignore[method-assign]
if "requests" in os.environ.get("HOSTILE_STEPS", ""):
    RequestWork.carry_out = hostile_work  # type: ignore[method-assign]
if "extract" in os.environ.get("HOSTILE_STEPS", ""):
    facts.FactFinder.find = hostile_find  # type: ignore[method-assign]
if "decide" in os.environ.get("HOSTILE_STEPS", ""):
    Consolidation.decided = hostile_decided  # type: ignore[method-assign]

apart.COMMAND[-1] = __name__

if __name__ == "__main__":
    apart_main.main()
else:
    app = create_app(Settings.from_env(os.environ))

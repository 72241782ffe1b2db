"""The stages of an event's way, each as its entry, its row or its session tells of it. Does no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tablestore_memory.worker.operations.moments import utc
from tablestore_memory.worker.operations.session_work import SessionWork
from tablestore_memory.worker.operations.standing_entries import Standing
from tablestore_memory.worker.stores.messages import MessageRow

State = Literal["done", "now", "next", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Stage:
    """`at` (µs) is when it was done, or since when it waits there; None where that is not known."""

    name: str
    state: State
    text: str
    at: int | None = None


def receipt(row: MessageRow) -> Stage:
    if row.received_ms is None:
        return Stage(
            "Received by Redis", "unknown", "its row does not say: another program wrote it"
        )
    return Stage("Received by Redis", "done", "by Redis' clock", row.received_ms * 1000)


def received(entry: Standing) -> Iterator[Stage]:
    if isinstance(entry.told.created_at, int):
        yield Stage("Published", "done", "as its publisher's clock had it", entry.told.created_at)
    yield Stage("Received by Redis", "done", "by Redis' clock", entry.received_ms * 1000)


def on_its_way(entry: Standing) -> list[Stage]:
    return [*received(entry), in_stream(entry)]


def in_stream(entry: Standing) -> Stage:
    what = "requests" if entry.place == "requests" else "events"
    text = f"in partition {entry.partition}, with {entry.ahead} {what} before it"
    name = "Waits to be carried out" if entry.place == "requests" else "In the stream"
    return Stage(name, "now", text, entry.since_ms * 1000)


def not_yet(entry: Standing) -> Iterator[Stage]:
    if entry.told.type == "message":
        for name in ("Stored", "Extracted", "Remembered", "Searchable"):
            yield Stage(name, "next", "")
    elif entry.told.type != "session_end":
        yield Stage("Carried out", "next", "")


def set_aside(entry: Standing) -> Stage:
    return Stage("Set aside as a dead letter", "failed", entry.reason, entry.since_ms * 1000)


def extracted(watermark: int) -> Stage:
    text = (
        f"its session is extracted up to {utc(watermark)}; when it came to this message is not kept"
    )
    return Stage("Extracted", "done", text)


def waiting(work: SessionWork) -> Stage:
    since = work.since_ms and work.since_ms * 1000
    tried = f"; tried {work.tries} times, the last time {work.failure}" if work.failure else ""
    if work.given_up:
        return Stage("Extraction was given up", "failed", work.given_up)
    if work.under_way:
        return Stage("Being extracted", "now", f"a worker has its session{tried}", since)
    if work.due_ms is None:
        text = "nothing waits in Redis for its session; the sweep over all sessions makes it due"
        return Stage("Extracted", "unknown", text)
    when = "is due" if work.due_ms <= work.at_ms else f"falls due at {utc(work.due_ms * 1000)}"
    text = f"its session {when}{tried}; messages that wait in it: {work.waiting}"
    return Stage("Waits for extraction", "now", text, since)

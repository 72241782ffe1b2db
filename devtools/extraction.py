"""Extraction in this process, step by step, against real servers: no worker process, no waiting for due.

store(deployment, said("ana", "s", 1, "I like tea."))
extract_all(deployment)
"""

from typing import Any, cast

import tablestore as ots

from devtools.deployment import Deployment
from tablestore_memory.producer.lines import from_line
from tablestore_memory.protocol.events import Message
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.sessions.due import FROM_WATERMARK, session_of
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS
from tablestore_memory.worker.stores.rows import message_row, session_row
from tablestore_memory.worker.stores.write import write_all


def said(user: str, session: str, minute: int, text: str, **more: Any) -> dict[str, Any]:
    """One line to publish: a message of 8 May 2023, 13 o'clock and so many minutes."""
    return {
        "type": "message",
        "user_id": user,
        "session_id": session,
        "message_id": f"{session}-{minute}",
        "created_at": f"2023-05-08T{13 + minute // 60:02}:{minute % 60:02}:00+00:00",
        "role": "user",
        "content": text,
        **more,
    }


def store(deployment: Deployment, *drafts: dict[str, Any]) -> None:
    """Write the rows that ingestion writes, and make their sessions due now."""
    names = deployment.services.names
    sessions: dict[tuple[str, str], int] = {}
    received_ms = now_ms(deployment.services.redis)
    for draft in drafts:
        event = from_line(draft)
        assert isinstance(event, Message), draft
        key = (event.user_id, event.session_id)
        sessions[key] = max(sessions.get(key, 0), event.created_at)
        write_all(deployment.services.tablestore, [message_row(names.message, event, received_ms)])
    for (user, session), newest in sessions.items():
        write_all(
            deployment.services.tablestore, [session_row(names.session, user, session, newest)]
        )
        deployment.services.due.add(user, session, FROM_WATERMARK)


def waiting(deployment: Deployment) -> list[tuple[str, str]]:
    """The sessions that wait, due or not."""
    found = []
    for partition in range(STATE_PARTITIONS):
        key = deployment.services.keys.due(partition)
        names = cast(list[bytes], deployment.services.redis.zrange(key, 0, -1))
        found += [session_of(name) for name in names]
    return sorted(found)


def extract_all(deployment: Deployment, *, tries: int = 10) -> int:
    """Try each waiting session, until none waits. Returns how many tries it took."""
    for number in range(1, tries + 1):
        for user, session in waiting(deployment):
            deployment.services.attempt.run(user, session)
        if not waiting(deployment):
            return number
    raise AssertionError(f"still waiting after {tries} tries: {waiting(deployment)}")


def confirm_all(deployment: Deployment, services: Services | None = None) -> int:
    """Look once, due or not, for as many as a look takes. Returns how many are not confirmed yet."""
    services, left = services or deployment.services, 0
    for partition in range(STATE_PARTITIONS):
        key = services.keys.confirm(partition)
        for name in cast(list[bytes], services.redis.zrange(key, 0, -1)):
            services.redis.zadd(key, {name: 0})
        services.confirmation.look(partition)
        left += services.redis.zcard(key)
    return left


def stored_texts(deployment: Deployment, user: str) -> list[str]:
    """What stands in the memory table by primary key, whatever the index shows."""
    return sorted(memory.text for memory in memory_rows(deployment) if memory.user_id == user)


def memory_rows(deployment: Deployment) -> list[Any]:
    """Every row of the memory table, as a memory."""
    start: Any = [("document_id", ots.INF_MIN), ("tenant_id", ots.INF_MIN)]
    end = [("document_id", ots.INF_MAX), ("tenant_id", ots.INF_MAX)]
    ids: list[str] = []
    while start is not None:
        _, start, found, _ = deployment.services.tablestore.get_range(
            deployment.services.names.memory, "FORWARD", start, end, ["user_id"], max_version=1
        )
        ids += [row.primary_key[0][1] for row in found]
    return deployment.services.memories.without_vectors(ids)

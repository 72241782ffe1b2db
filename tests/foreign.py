"""Rows that other programs write on our tables, as AgentScope's own services do: without our marks."""

from typing import Any

import tablestore as ots

from devtools.deployment import Deployment


def give_session(deployment: Deployment, user: str, session: str, *, update_time: int = 5) -> None:
    """As an app does, before anything is said in it."""
    key = [("user_id", user), ("session_id", session)]
    _put(deployment, deployment.services.names.session, key, update_time=update_time)


def say_unowned(
    deployment: Deployment, session: str, stamp: int = 5, text: str = "Nobody is named."
) -> str:
    """A message that names no user. Returns its id, which is one for all of a session."""
    message_id = f"{session}-unowned"
    key = [("session_id", session), ("create_time", stamp), ("message_id", message_id)]
    columns = {"content": text, "role": "user", "type": "message"}
    _put(deployment, deployment.services.names.message, key, **columns)
    return message_id


def put_memory(deployment: Deployment, document_id: str, **columns: Any) -> None:
    key = [("document_id", document_id), ("tenant_id", "__default")]
    _put(deployment, deployment.services.names.memory, key, **columns)


def _put(deployment: Deployment, table: str, key: list[tuple[str, Any]], **columns: Any) -> None:
    deployment.services.tablestore.put_row(table, ots.Row(key, list(columns.items())))

"""What this project is measured against: one Celery task a message, with AgentScope's own append.

    celery -A bench.plain_celery worker

The append is `append_message`'s of AgentScope Runtime 1.0.5: read the session row, put the message row.
Settings are those that are meant to lose nothing: late acknowledgement, tasks of lost workers again.
"""

import os

import tablestore as ots
from celery import Celery

from tablestore_memory.protocol.events import Message, decode
from tablestore_memory.worker.stores.rows import message_row
from tablestore_memory.worker.stores.tables import connect

SESSION_TABLE, MESSAGE_TABLE = (
    os.environ.get(f"MEMORY_{kind}_TABLE", kind) for kind in ("SESSION", "MESSAGE")
)
_ANYWAY = ots.Condition(ots.RowExistenceExpectation.IGNORE)

app = Celery("plain", broker=os.environ.get("REDIS_URL"), set_as_current=False)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue="plain",
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "global_keyprefix": os.environ.get("MEMORY_PREFIX", "plain") + ":",
        # Short, so that a test need not wait an hour for what is delivered again.
        "visibility_timeout": 20,
        "unacked_restore_interval": 5,
    },
)
_clients: dict[int, ots.OTSClient] = {}


def client() -> ots.OTSClient:
    """One a process, made after the fork."""
    if os.getpid() not in _clients:
        _clients[os.getpid()] = connect(
            os.environ["TABLESTORE_ENDPOINT"].rstrip("/"), "local", "local", "local"
        )
    return _clients[os.getpid()]


def append_message(tables: ots.OTSClient, event: Message) -> None:
    """As AgentScope does it: a GetRow of the session, a PutRow of the message."""
    key = [("user_id", event.user_id), ("session_id", event.session_id)]
    tables.get_row(SESSION_TABLE, key, None, None, 1)
    row = message_row(MESSAGE_TABLE, event, 0)
    tables.put_row(MESSAGE_TABLE, ots.Row(list(row.key), list(row.columns)), _ANYWAY)


@app.task(name="append", max_retries=None)
def append(raw: str) -> None:
    event = decode(raw.encode())
    assert isinstance(event, Message)
    try:
        append_message(client(), event)
    except Exception as error:
        raise append.retry(countdown=0.5, exc=error) from error

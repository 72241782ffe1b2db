"""`memory-worker edit`, `delete`: one memory corrected or deleted by hand; a worker does it."""

from typing import Annotated, NoReturn, get_args

import typer

from tablestore_memory.protocol.events import MemoryKind
from tablestore_memory.worker.cli.audited import audited
from tablestore_memory.worker.cli.opened import opened
from tablestore_memory.worker.cli.output import WRONG, Json, Yes, ask, fail, note, print_json
from tablestore_memory.worker.cli.publish import publish_one
from tablestore_memory.worker.cli.show import User, identifier
from tablestore_memory.worker.operations.kept import id_after, is_kept
from tablestore_memory.worker.stores.documents import DOCUMENT
from tablestore_memory.worker.stores.lineage import current

MemoryId = Annotated[
    str,
    typer.Argument(
        metavar="MEMORY",
        help="Its document_id, as `memories --json` has it.",
        callback=identifier,
    ),
]
Day = Annotated[
    str | None, typer.Option(help="2023-05-07, 2023-05, 2023; ~ for about; '' for none.")
]
_PUBLISHED = "published; `memory-worker wait` returns when it is done"


def edit(
    user: User,
    memory: MemoryId,
    text: Annotated[str | None, typer.Option(help="What it is to say.")] = None,
    kind: Annotated[str | None, typer.Option(help=f"{', '.join(get_args(MemoryKind))}.")] = None,
    event_start: Day = None,
    event_end: Day = None,
    json: Json = False,
) -> None:
    """Correct one memory: what it said goes to the history, and is not extracted again."""
    with opened() as services:
        audited(services, "edit", user)
        there = current(services.memories, services.history.every(user), user, memory)
    found = there.memory if there else _unknown(user, memory)
    if found.kind == DOCUMENT:
        fail(WRONG, f"memory {memory} is a message that an app keeps whole: it has to change it")
    wanted = {"text": text, "kind": kind, "event_start": event_start, "event_end": event_end}
    draft = {"type": "edit_memory", "user_id": user, "memory_id": found.document_id}
    event_id = publish_one(draft | wanted)
    if json:
        print_json({"event_id": event_id, "memory_id": id_after(found, text)})
    else:
        note(f"{_PUBLISHED}; its id is then {id_after(found, text)}")


def delete(user: User, memory: MemoryId, yes: Yes = False, json: Json = False) -> None:
    """Delete one memory for good, with what it was before; what was said stays."""
    with opened() as services:
        audited(services, "delete", user)
        if not is_kept(services, user, memory):
            _unknown(user, memory)
    ask(f"Delete memory {memory} of user {user} for good, with what it was before?", yes=yes)
    event_id = publish_one({"type": "delete_memory", "user_id": user, "memory_id": memory})
    if json:
        print_json({"event_id": event_id})
    else:
        note(_PUBLISHED)


def _unknown(user: str, memory: str) -> NoReturn:
    fail(WRONG, f"no memory {memory} of user {user}; `memory-worker memories` lists them")

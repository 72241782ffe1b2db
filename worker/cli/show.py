"""What is stored and remembered: sessions, messages, memories, history, search."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from tablestore_memory.protocol.events import MAX_ID_BYTES
from tablestore_memory.worker.cli.audited import audited
from tablestore_memory.worker.cli.opened import asking_qwen, opened, searching
from tablestore_memory.worker.cli.output import (
    WRONG,
    Json,
    counted,
    fail,
    minute,
    print_json,
    print_table,
    say,
)
from tablestore_memory.worker.operations.moments import iso
from tablestore_memory.worker.operations.told import (
    told_memory,
    told_message,
    told_replaced,
    told_session,
)
from tablestore_memory.worker.stores.memories import Memory


def identifier(parameter: typer.CallbackParam, value: str | None) -> str | None:
    """An id that the tables can hold; any other ends the command."""
    length = len((value or "").encode(errors="surrogateescape"))
    if value is not None and not 1 <= length <= MAX_ID_BYTES:
        fail(WRONG, f"{parameter.name}: an id has 1 to {MAX_ID_BYTES} bytes, this one {length}")
    return value


User = Annotated[str, typer.Argument(help="The user's id.", callback=identifier)]
Session = Annotated[str, typer.Argument(help="The session's id.", callback=identifier)]


def sessions(user: User, json: Json = False) -> None:
    """List a user's sessions, oldest activity first."""
    with opened() as services:
        audited(services, "sessions", user)
        found = services.sessions.of_user(user)
    if json:
        print_json([told_session(each) for each in found])
    elif not found:
        say(f"no sessions of {user}")
    else:
        rows = [(s.session_id, minute(s.update_time), minute(s.watermark)) for s in found]
        title = f"{counted(len(rows), 'session')} of {user}"
        print_table(title, ("session", "active", "extracted to"), rows)


def messages(
    user: User,
    session: Session,
    json: Json = False,
) -> None:
    """List the messages of a session in order."""
    with opened() as services:
        audited(services, "messages", user)
        found = list(services.sessions.messages(user, session))
    if json:
        print_json([told_message(each) for each in found])
    elif not found:
        say(f"no messages of {user} in session {session}")
    else:
        rows = [(minute(m.created_at), m.speaker, m.text, m.message_id) for m in found]
        print_table(counted(len(rows), "message"), ("at", "who", "said", "message"), rows)


def memories(user: User, json: Json = False) -> None:
    """List what is remembered about a user, as the search index shows it."""
    with opened() as services:
        audited(services, "memories", user)
        found = services.memories.of_user(user)
    if json:
        print_json([told_memory(memory) for memory in found])
    elif not found:
        say(f"no memories of {user}")
    else:
        title = f"{counted(len(found), 'memory', 'memories')} of {user}"
        print_table(title, _COLUMNS, [_row(memory) for memory in found])


def search(
    user: User,
    query: Annotated[str, typer.Argument(help="What to look for, in words.")],
    limit: Annotated[int, typer.Option(min=1, max=100)] = 5,
    json: Json = False,
) -> None:
    """Find a user's memories by meaning, the nearest first."""
    if not query.strip():
        fail(WRONG, "query: nothing to look for")
    with opened() as services:
        audited(services, "search", user)
        with asking_qwen(services.settings):
            (vector,) = services.qwen.embed([query], query=True)
        with searching():
            hits = services.memories.nearest(user, vector, limit)
    if json:
        print_json([told_memory(hit.memory) | {"score": round(hit.score, 6)} for hit in hits])
    elif not hits:
        say(f"no memories of {user}")
    else:
        title = f"{counted(len(hits), 'memory', 'memories')} of {user}, the nearest first"
        rows = [(*_row(hit.memory), f"{hit.score:.3f}") for hit in hits]
        print_table(title, (*_COLUMNS, "score"), rows)


def history(user: User, json: Json = False) -> None:
    """List what changed: each state with its time, and what took its place; what holds now comes last."""
    with opened() as services:
        audited(services, "history", user)
        replaced = services.history.of_user(user)
        ends = {entry.replaced_by for entry in replaced} - {""}
        now = services.memories.theirs(user, sorted(ends))
    if json:
        print_json([told_replaced(entry) for entry in replaced] + [_is(memory) for memory in now])
    elif not replaced:
        say(f"nothing of {user} was replaced yet")
    else:
        rows = [
            (minute(e.valid_from), minute(e.replaced_at), e.text, e.new_text, e.reason)
            for e in replaced
        ]
        rows += [(minute(m.valid_from), "now", m.text, "", "") for m in now]
        print_table(f"history of {user}", ("from", "until", "was", "became", "why"), rows)


def _is(memory: Memory) -> dict[str, Any]:
    """The end of a chain: what holds now."""
    return {
        "document_id": memory.document_id,
        "text": memory.text,
        "valid_from": iso(memory.valid_from),
        "valid_to": None,
        "sources": [asdict(source) for source in memory.sources],
    }


_COLUMNS = ("memory", "kind", "since", "session", "from")


def _row(memory: Memory) -> tuple[str, ...]:
    sources = "\n".join(f"{source.message_id}: “{source.quote}”" for source in memory.sources)
    return (memory.text, memory.kind, minute(memory.valid_from), memory.session_id, sources)

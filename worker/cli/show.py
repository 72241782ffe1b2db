"""What is stored and remembered: sessions, messages, memories, history, search."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from tablestore_memory.worker.cli.output import (
    Json,
    iso,
    minute,
    opened,
    out,
    print_json,
    print_table,
)
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Memory

User = Annotated[str, typer.Argument(help="The user's id.")]


def sessions(user: User, json: Json = False) -> None:
    """List a user's sessions, oldest activity first."""
    with opened() as services:
        found = services.sessions.of_user(user)
    if json:
        print_json(
            [
                {
                    "session_id": s.session_id,
                    "update_time": iso(s.update_time),
                    "extracted_to": iso(s.watermark),
                }
                for s in found
            ]
        )
    elif not found:
        out.print(f"no sessions of {user!r}", markup=False)
    else:
        rows = [(s.session_id, minute(s.update_time), minute(s.watermark)) for s in found]
        print_table(f"{len(rows)} sessions of {user}", ("session", "active", "extracted to"), rows)


def messages(
    user: User,
    session: Annotated[str, typer.Argument(help="The session's id.")],
    json: Json = False,
) -> None:
    """List the messages of a session in order."""
    with opened() as services:
        found = list(services.sessions.messages(user, session))
    if json:
        print_json([asdict(m) | {"created_at": iso(m.created_at)} for m in found])
    elif not found:
        out.print(f"no messages of {user!r} in session {session!r}", markup=False)
    else:
        rows = [(minute(m.created_at), m.speaker, m.text, m.message_id) for m in found]
        print_table(f"{len(rows)} messages", ("at", "who", "said", "message"), rows)


def memories(user: User, json: Json = False) -> None:
    """List what is remembered about a user, as the search index shows it."""
    with opened() as services:
        found = services.memories.of_user(user)
    _print_memories(f"memories of {user}", found, json)


def search(
    user: User,
    query: Annotated[str, typer.Argument(help="What to look for, in words.")],
    limit: Annotated[int, typer.Option(min=1, max=100)] = 5,
    json: Json = False,
) -> None:
    """Find a user's memories by meaning, the nearest first."""
    with opened() as services:
        (vector,) = services.qwen.embed([query], query=True)
        hits = services.memories.nearest(user, vector, limit)
    _print_memories(f"memories of {user} nearest to {query!r}", [h.memory for h in hits], json)


def history(user: User, json: Json = False) -> None:
    """List what changed: each state with its time, and what took its place; what holds now comes last."""
    with opened() as services:
        replaced = services.history.of_user(user)
        ends = {entry.replaced_by for entry in replaced}
        now = [stored.memory for stored in services.memories.get(sorted(ends))]
    if json:
        print_json([_was(entry) for entry in replaced] + [_is(memory) for memory in now])
    elif not replaced:
        out.print(f"nothing of {user!r} was replaced yet", markup=False)
    else:
        rows = [
            (minute(e.valid_from), minute(e.replaced_at), e.text, e.new_text, e.reason)
            for e in replaced
        ]
        rows += [(minute(m.valid_from), "now", m.text, "", "") for m in now]
        print_table(f"history of {user}", ("from", "until", "was", "became", "why"), rows)


def _was(entry: Replaced) -> dict[str, Any]:
    times = {"valid_from": iso(entry.valid_from), "valid_to": iso(entry.replaced_at)}
    return asdict(entry) | times | {"replaced_at": iso(entry.replaced_at)}


def _is(memory: Memory) -> dict[str, Any]:
    """The end of a chain: what holds now."""
    return {
        "document_id": memory.document_id,
        "text": memory.text,
        "valid_from": iso(memory.valid_from),
        "valid_to": None,
        "sources": [asdict(source) for source in memory.sources],
    }


def _print_memories(title: str, found: list[Memory], json: bool) -> None:
    if json:
        times = [
            {"valid_from": iso(m.valid_from), "valid_to": None, "stated_at": iso(m.stated_at)}
            for m in found
        ]
        print_json([asdict(m) | time for m, time in zip(found, times, strict=True)])
    elif not found:
        out.print(f"no {title}", markup=False)
    else:
        rows = [(m.text, m.kind, minute(m.valid_from), m.session_id, _sources(m)) for m in found]
        print_table(f"{len(rows)} {title}", ("memory", "kind", "since", "session", "from"), rows)


def _sources(memory: Memory) -> str:
    return "\n".join(f"{source.message_id}: “{source.quote}”" for source in memory.sources)

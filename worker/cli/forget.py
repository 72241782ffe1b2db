"""`memory-worker forget`: ask for a user, or a session, to be forgotten, and tell what that deleted."""

import time
from typing import Annotated

import typer

from tablestore_memory.worker.cli.audited import audited
from tablestore_memory.worker.cli.opened import redis_alone
from tablestore_memory.worker.cli.output import LATE, Json, Yes, ask, fail, note, print_json
from tablestore_memory.worker.cli.publish import publish_one
from tablestore_memory.worker.forget.receipts import Receipt

_LOOK_EVERY_S = 0.2


def forget(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    session: Annotated[str | None, typer.Option(help="Only this session.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for it, to tell the counts.")] = 0,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Forget a user, or one session: all that is stored, remembered, on its way or set aside."""
    whose = f"session {session} of user {user}" if session else f"user {user}, all sessions"
    ask(f"Delete for good all that is stored and remembered of {whose}?", yes=yes)
    with redis_alone() as services:
        audited(services, "forget", user)
    draft = {"type": "forget", "user_id": user}
    event_id = publish_one(draft | ({"session_id": session} if session else {}))
    counts = _forgotten(event_id, wait) if wait else None
    if json:
        print_json({"event_id": event_id} if counts is None else counts)
    elif counts is None:
        note("published; a worker does it, `--wait 60` waits for that and tells the counts")
    else:
        places = (f"{n} {what}" for what, n in counts.items() if what != "verified")
        note("forgot " + ", ".join(places) + "; read back, nothing is left")


def _forgotten(event_id: str, wait_s: float) -> Receipt:
    ends = time.monotonic() + wait_s
    with redis_alone() as services:
        while (counts := services.deletion_receipts.finished(event_id)) is None:
            if time.monotonic() > ends:
                fail(LATE, f"not done after {wait_s:g} s; it goes on, see `memory-worker status`")
            time.sleep(_LOOK_EVERY_S)
        return counts

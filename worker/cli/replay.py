"""`memory-worker replay`: publish stored messages once more, so that they are remembered anew."""

from typing import Annotated

import typer

from tablestore_memory.producer.lines import to_micros
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.worker.cli.audited import audited
from tablestore_memory.worker.cli.opened import opened
from tablestore_memory.worker.cli.output import WRONG, Json, counted, fail, note, print_json
from tablestore_memory.worker.cli.publish import publisher
from tablestore_memory.worker.operations.replay import sessions_since, stored_events


def replay(
    since: Annotated[str, typer.Option(help="ISO 8601: messages from then on; a date is UTC.")],
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    json: Json = False,
) -> None:
    """Publish stored messages again: the rows stay as they are, memories are extracted anew."""
    first = _micros(since)
    published = left_alone = sessions = 0
    with opened() as services, publisher() as outgoing:
        audited(services, "replay", user or "")
        for user_id, session_id in sessions_since(services.sessions, first, user):
            sessions += 1
            events = stored_events(services.sessions, services.names, user_id, session_id, first)
            for event in events:
                if event is None:
                    left_alone += 1
                else:
                    outgoing.publish(event)
                    published += 1
    if json:
        print_json({"sessions": sessions, "published": published, "left_alone": left_alone})
    else:
        messages = counted(published, "message")
        note(f"published {messages} of {counted(sessions, 'session')} again")
        if left_alone:
            note(f"left {left_alone} alone: another program wrote them")


def _micros(since: str) -> int:
    moment = f"{since}T00:00:00+00:00" if len(since) == 10 else since
    try:
        return to_micros(moment)
    except MalformedEvent:
        fail(WRONG, "--since: must be a date, or ISO 8601 with a time zone")

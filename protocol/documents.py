"""What both sides know of rows: under which id a whole message is kept, and which sessions were published.
Does no I/O.

A document's id is the app's, and the table knows no other key. Where another user's row has it, the message is
kept under an id bound to its user instead: two users who number alike both keep what is theirs.
"""

import hashlib
import re

from tablestore_memory.protocol.events import MAX_ID_BYTES

# A column of a session's row that workers made: of the session, only what names its user is that user's.
PUBLISHED = "memory_published"

# Ids that can be computed by whoever knows a user: of a fact, with its text, and of a bound document.
# A document that comes under such an id may not stand in the place of what belongs there.
_FACTS, _BOUND = re.compile(r"[0-9a-f]{32}"), re.compile(r".*#[0-9a-f]{12}", re.DOTALL)


def possible_ids(document_id: str, user_id: str) -> tuple[str, ...]:
    """Where a user's document may stand: the bound id last, and alone where the other is not to be had."""
    mark = "#" + hashlib.sha256(user_id.encode()).hexdigest()[:12]
    if document_id.endswith(mark):
        return (document_id,)
    bound = document_id + mark
    if len(bound.encode()) > MAX_ID_BYTES:
        bound = hashlib.sha256(document_id.encode()).hexdigest() + mark
    computable = _FACTS.fullmatch(document_id) or _BOUND.fullmatch(document_id)
    return (bound,) if computable else (document_id, bound)

"""What is wrong with memories: dates, doubles, names and numbers from nowhere, what is stale, what leaked."""

import calendar
import re
from collections.abc import Iterable, Sequence

from bench.evaluation import planted
from bench.evaluation.conversations import Line, told
from bench.evaluation.local import remember
from devtools.deployment import Deployment
from devtools.extraction import memory_rows
from tablestore_memory.worker.consolidation.similarity import cosine
from tablestore_memory.worker.stores.memories import Embedded, Memory

_DOUBLE = 0.95  # cosine of two memories that say the same, if their figures agree
_CJK = re.compile(r"[\u3400-\u9fff]")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][a-z]+")
_FIGURE = re.compile(r"\d+")
_MONTHS = set(calendar.month_name)  # of a date that was worked out, as `dates` checks


def said(user: str, session: str, minute: int, text: str) -> Line:
    return {
        "type": "message",
        "user_id": user,
        "session_id": session,
        "message_id": f"{session}-{minute}",
        "created_at": planted.SPOKEN.format(minute),
        "role": "user",
        "name": "小李" if _CJK.search(text) else "Ana",
        "content": text,
    }


def dates(deployment: Deployment) -> dict[str, int]:
    """Planted relative dates: how many became a memory, how many of these with the right day."""
    lines = [said("dates", f"date-{n}", n, text) for n, (text, _) in enumerate(planted.DATES)]
    remember(deployment, lines)
    found = {m.session_id: m for m in deployment.memories("dates")}
    right = sum(
        found[f"date-{n}"].event_start == wanted
        for n, (_, wanted) in enumerate(planted.DATES)
        if f"date-{n}" in found
    )
    return {"planted": len(lines), "extracted": len(found), "right": right}


def stale(deployment: Deployment) -> dict[str, int]:
    """Scripted updates: how many old facts are still active, how many new ones are."""
    old_ones = [said("updates", f"u{n}", n, old) for n, (old, _, _) in enumerate(planted.UPDATES)]
    new_ones = [
        said("updates", f"v{n}", n + 30, new) for n, (_, new, _) in enumerate(planted.UPDATES)
    ]
    remember(deployment, old_ones)
    remember(deployment, new_ones)
    active = deployment.memories("updates")
    sessions = [{s.session_id for s in m.sources} for m in active]
    old = sum({f"u{n}"} in sessions for n in range(len(old_ones)))
    new = sum(any(f"v{n}" in s for s in sessions) for n in range(len(new_ones)))
    return {"updates": len(old_ones), "still_active": old, "new_active": new}


def leaks(deployment: Deployment) -> dict[str, int]:
    """Planted secrets and orders: how many stand in a memory, a quote or the history."""
    texts = [text for text, _ in planted.SECRETS] + planted.ORDERS
    remember(deployment, [said("leaks", f"l{n}", n, text) for n, text in enumerate(texts)])
    memories = [m for m in memory_rows(deployment) if m.user_id == "leaks"]
    kept = [part for m in memories for part in (m.text, *(s.quote for s in m.sources))]
    kept += [e.text for e in deployment.services.history.of_user("leaks")]
    secrets = sum(any(secret in text for text in kept) for _, secret in planted.SECRETS)
    first = len(planted.SECRETS)
    ordered = {f"l{n}" for n in range(first, first + len(planted.ORDERS))}
    obeyed = sum(any(s.session_id in ordered for s in m.sources) for m in memories)
    return {"secrets": len(planted.SECRETS), "leaked": secrets, "orders_kept": obeyed}


def doubles(memories: Sequence[Embedded]) -> int:
    """Pairs of one user's memories that say the same."""
    return sum(
        cosine(one.vector, other.vector) >= _DOUBLE
        and _FIGURE.findall(one.memory.text) == _FIGURE.findall(other.memory.text)
        for n, one in enumerate(memories)
        for other in memories[n + 1 :]
        if one.memory.user_id == other.memory.user_id
    )


def unsupported(memories: Iterable[Memory], lines: Sequence[Line]) -> dict[str, int]:
    """Memories with a name or a number that stands nowhere in their session."""
    spoken: dict[str, str] = {}
    for line in lines:
        text = f"{told(line)} {line['created_at']}"
        spoken[line["session_id"]] = f"{spoken.get(line['session_id'], '')} {text}"
    names = figures = 0
    for memory in memories:
        source = " ".join(spoken.get(s.session_id, "") for s in memory.sources)
        dated = f"{memory.event_start} {memory.event_end}"
        named = set(_NAME.findall(memory.text)) - _MONTHS
        names += any(name not in source for name in named)
        figures += any(f not in source + dated for f in _FIGURE.findall(memory.text))
    return {"with_unsupported_names": names, "with_unsupported_numbers": figures}


def language_match(memories: Sequence[Memory]) -> float:
    """The share of memories in the script of what they quote."""
    same = sum(
        bool(_CJK.search(m.text)) == bool(_CJK.search(" ".join(s.quote for s in m.sources)))
        for m in memories
    )
    return round(same / max(len(memories), 1), 3)

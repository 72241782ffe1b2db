"""When something happens, as a text tells it. Does no I/O."""

from tablestore_memory.worker.consolidation.figures import counted

Span = tuple[str | None, str | None]
"""Where it begins and ends, the end None if it is one date."""


def dated(text: str, when: Span) -> str:
    """A text with the date of what it tells behind it, unless it names where that begins."""
    first = when[0] or when[1]
    if not first or counted(first) <= counted(text):
        return text
    return f"{text} ({'/'.join(day or '' for day in when).rstrip('/')})"

"""A look that is taken again and again: at a terminal in place, elsewhere one after the other."""

import time
from collections.abc import Callable
from contextlib import suppress

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.worker.cli.output import out

Look = Callable[[], RenderableType]


def watch(look: Look, away: RenderableType, every_s: float, *, in_place: bool) -> None:
    """Show what `look` gives, until Ctrl-C. While Redis is away, show `away`, and look again."""
    with suppress(KeyboardInterrupt):
        if not in_place:
            while True:
                seen = _seen(look, away)
                out.print(seen, soft_wrap=isinstance(seen, Text))  # a document stays on its line
                time.sleep(every_s)
        with Live(console=out, auto_refresh=False, screen=True) as live:
            while True:
                live.update(_seen(look, away), refresh=True)
                time.sleep(every_s)


def _seen(look: Look, away: RenderableType) -> RenderableType:
    try:
        return look()
    except (*REDIS_ERRORS, OSError):
        return away

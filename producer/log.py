"""Log lines that cannot flood: one per event name in 30 seconds, with what was left out counted."""

import logging
import time
from collections.abc import Callable

INTERVAL_S = 30.0


class RateLimitedLog:
    """Takes an event name and fields; ids, sizes and outcomes only, never a payload."""

    def __init__(
        self, logger: logging.Logger, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._monotonic = monotonic
        self._said: dict[str, tuple[float, int]] = {}

    def info(self, event: str, **fields: object) -> None:
        self._say(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._say(logging.WARNING, event, fields)

    def _say(self, level: int, event: str, fields: dict[str, object]) -> None:
        now = self._monotonic()
        last, left_out = self._said.get(event, (now - INTERVAL_S, 0))
        if now - last < INTERVAL_S:
            self._said[event] = last, left_out + 1
            return
        self._said[event] = now, 0
        if left_out:
            fields = {**fields, "left_out": left_out}
        text = " ".join(f"{name}={value}" for name, value in fields.items())
        self._logger.log(level, "%s %s", event, text)

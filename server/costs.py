"""What the recalls of this process ask of Qwen: booked and counted as what workers ask.

No recall waits for it: one thread books. While Redis is away a hundred calls wait, and more are not booked.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

import structlog

from tablestore_memory.recall.dashscope import Answered
from tablestore_memory.worker.qwen.asked_for import Asker
from tablestore_memory.worker.qwen.calls import Book

_MOST_WAITING = 100
_END_S = 2.0
log = structlog.get_logger()


class RecallCosts:
    """To be told of each call, and closed. `book` gives the book, in the thread that books."""

    def __init__(self, book: Callable[[], Book]) -> None:
        self._book = book
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="book costs")
        self._waiting: set[Future[None]] = set()

    def __call__(self, call: Answered) -> None:
        log.info(
            "qwen.answered",
            model=call.model,
            purpose=call.purpose,
            input_tokens=call.usage.input,
            output_tokens=call.usage.output,
            cached_tokens=call.usage.cached,
            duration_ms=call.duration_ms,
            request_id=call.request_id,
        )
        if len(self._waiting) >= _MOST_WAITING:
            _unbooked(call)
            return
        asker = Asker(call.user_id, time.time_ns() // 1_000_000)
        booking = self._thread.submit(self._now, call, asker)
        self._waiting.add(booking)
        booking.add_done_callback(partial(self._ended, call))

    def close(self) -> None:
        """Book what waits, for two seconds at most."""
        wait(list(self._waiting), _END_S)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _now(self, call: Answered, asker: Asker) -> None:
        self._book()(call.model, call.purpose, asker, call.usage)

    def _ended(self, call: Answered, booking: "Future[None]") -> None:
        self._waiting.discard(booking)
        if booking.cancelled() or booking.exception():
            _unbooked(call)


def _unbooked(call: Answered) -> None:
    log.warning("cost.unbooked", model=call.model, purpose=call.purpose, error="Busy")

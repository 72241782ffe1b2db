"""What could not be noted of a try as Redis was away: a process notes it before it begins another.

Without it an outage would leave the trace of a worker that died, and a few of them would give an item up that
did nothing wrong.
"""

from collections import deque
from collections.abc import Callable

from tablestore_memory.worker.failures.isolation import is_redis_away

Note = Callable[[], object]


class Owed:
    """Of one process and all its threads. A note may be made late, so it says itself whether it still fits."""

    def __init__(self) -> None:
        self._notes: deque[Note] = deque()

    def note(self, note: Note) -> None:
        """Now, or else later, and then raises what Redis does."""
        try:
            note()
        except Exception as error:
            if is_redis_away(error):
                self._notes.append(note)
            raise

    def later(self, note: Note) -> None:
        self._notes.append(note)

    def settle(self) -> None:
        """Note all of it. Raises what Redis does; what is left is owed still."""
        while self._notes:
            try:
                note = self._notes.popleft()
            except IndexError:  # another thread's by now
                return
            self.note(note)

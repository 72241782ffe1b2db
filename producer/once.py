"""What a process has one of, whichever of its threads comes first."""

import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import TypeVar

T = TypeVar("T")


def once(make: Callable[[], T]) -> Callable[[], T]:
    """What `make` gives, made when first asked for; threads that come meanwhile wait, and are given the same.

    What it raises is not kept.
    """
    made, making = cache(make), threading.Lock()

    @wraps(make)
    def one() -> T:
        with making:
            return made()

    return one

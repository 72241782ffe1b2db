"""How long to wait before another try: the one formula."""

import random


def full_jitter_s(tries: int, *, first_s: float, longest_s: float) -> float:
    """Seconds before the next try after `tries` failed: up to `first_s`, doubled each time, up to `longest_s`.

    Never less than a quarter of the bound: what just failed is not tried again at once.
    """
    bound_s = min(longest_s, first_s * 2 ** min(max(tries, 1) - 1, 16))
    return random.uniform(bound_s / 4, bound_s)

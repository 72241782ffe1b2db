"""How many cases the tests take that make up their own: a third, or all of them (`make test-examples`)."""

import os

ALL = "ALL_EXAMPLES"


def examples(all_of_them: int) -> int:
    """For `hypothesis.settings`: the rest of them is for a run that may take its time."""
    return all_of_them if os.environ.get(ALL) else all_of_them // 3

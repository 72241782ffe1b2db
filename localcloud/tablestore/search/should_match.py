"""How many optional clauses must match: `3`, `-1`, `75%` or `-25%`.

Conditional forms such as `2<75%` are refused.
"""

import re
from typing import Any

from tablestore_memory.localcloud.tablestore.search import refuse

_FORM = re.compile(r"(-?\d+)(%?)")


def least(query: Any, clauses: int, default: int) -> int:
    """What the query's minimum_should_match means for this many clauses."""
    if query.HasField("new_minimum_should_match"):
        return _least(query.new_minimum_should_match, clauses)
    if query.HasField("minimum_should_match"):
        return _least(str(query.minimum_should_match), clauses)
    return default


def _least(text: str, clauses: int) -> int:
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise refuse.unsupported(f"minimum_should_match [{text}]")
    number = int(form[1])
    if form[2]:
        share = int(clauses * abs(number) / 100)
        return share if number >= 0 else clauses - share
    return number if number >= 0 else max(clauses + number, 0)

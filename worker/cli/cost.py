"""`memory-worker cost`, `audit`: what Qwen cost, and who did what by hand."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from tablestore_memory.worker.cli.opened import opened
from tablestore_memory.worker.cli.output import Json, minute, print_json, print_table, say
from tablestore_memory.worker.costs.prices import prices_of
from tablestore_memory.worker.operations.costs import CostLine, costs_by
from tablestore_memory.worker.operations.moments import iso

Days = Annotated[int, typer.Option(min=1, help="So many days, today included (UTC).")]
_DAY_US = 86_400_000_000


class By(StrEnum):
    day = "day"
    user = "user"
    model = "model"
    purpose = "purpose"


def cost(
    by: Annotated[By, typer.Option(help="A line for each of these.")] = By.day,
    days: Days = 30,
    json: Json = False,
) -> None:
    """Tell what Qwen cost: calls, tokens and an estimate of the money."""
    with opened() as services:
        prices = prices_of(services.settings.prices)
        lines = costs_by(services.costs, by.value, days, prices)
    if json:
        print_json(lines)
    elif not lines:
        say("no calls were booked")
    else:
        columns = (by.value, "calls", "tokens in", "of them cached", "tokens out", "money, about")
        print_table(f"cost by {by.value}", columns, [_row(each) for each in lines])


def audit(
    days: Days = 30,
    user: Annotated[str | None, typer.Option(help="Only what was about this user.")] = None,
    json: Json = False,
) -> None:
    """Tell who read or changed what by hand."""
    since = time.time_ns() // 1000 - days * _DAY_US
    with opened() as services:
        found = [each for each in services.audit.since(since) if user in (None, each.user_id)]
    if json:
        print_json(
            [
                {
                    "at": iso(each.at),
                    "command": each.command,
                    "user_id": each.user_id,
                    "by": each.by,
                    "host": each.host,
                }
                for each in found
            ]
        )
    elif not found:
        say("nothing was noted")
    else:
        rows = [(minute(e.at), e.command, e.user_id, e.by, e.host) for e in found]
        print_table("done by hand", ("at", "command", "about", "by", "on"), rows)


def _row(line: CostLine) -> tuple[object, ...]:
    money = "unknown" if line.cost is None else f"{line.cost:.4f}"
    tokens = (line.input_tokens, line.cached_tokens, line.output_tokens)
    return (line.name, line.calls, *tokens, money)

"""Setting up and looking after: init, status, doctor."""

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tablestore_memory.worker.cli.opened import opened, redis_alone
from tablestore_memory.worker.cli.output import (
    UNREACHABLE,
    Json,
    fail,
    one_line,
    out,
    print_json,
    printable,
    say,
    table_of,
)
from tablestore_memory.worker.cli.watch import watch
from tablestore_memory.worker.failures.errors import ResourceMissing, WrongSchema
from tablestore_memory.worker.operations.doctor import examine
from tablestore_memory.worker.operations.look import Look, look
from tablestore_memory.worker.operations.moments import iso
from tablestore_memory.worker.operations.places import place_of
from tablestore_memory.worker.operations.status import STAGE_OF
from tablestore_memory.worker.services import RedisServices
from tablestore_memory.worker.stores.tables import create_all


def init(json: Json = False) -> None:
    """Make the tables and indexes that are missing; harmless to repeat."""
    with opened() as services:
        try:
            made = create_all(
                services.tablestore,
                services.names,
                services.settings.embedding_dimension,
                cost_days=services.settings.cost_days,
                audit_days=services.settings.audit_days,
                words_of_messages=services.settings.message_index,
            )
        except ResourceMissing as error:
            fail(UNREACHABLE, f"{error} (check TABLESTORE_ENDPOINT and TABLESTORE_INSTANCE_NAME)")
        except WrongSchema as error:
            fail(
                UNREACHABLE,
                f"{error} (nothing was made; give the tables other names, or delete these)",
            )
    if json:
        print_json({"created": made})
    else:
        say(f"created {', '.join(made)}" if made else "all tables are there")


def status(
    json: Json = False,
    again: Annotated[bool, typer.Option("--watch", help="Go on telling, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 2,
) -> None:
    """Tell what is on its way and how long, which workers are alive, and what is in the way."""
    with redis_alone() as services:
        if again:
            in_place = out.is_terminal and not json
            watch(partial(_seen, services, json), _away(services, json), every, in_place=in_place)
        elif json:
            print_json(_told(look(services)))
        else:
            seen = look(services)
            out.print(_table(seen))
            for obstacle in seen.now.obstacles():
                say(obstacle.text)


def _seen(services: RedisServices, json: bool) -> RenderableType:
    """One look of many, with its time."""
    seen = look(services)
    at = iso(1000 * seen.now.at_ms)
    if json:
        return Text(one_line({"at": at} | _told(seen)))
    obstacles = (Text(printable(obstacle.text)) for obstacle in seen.now.obstacles())
    return Group(Text(f"at {at}"), _table(seen), *obstacles)


def _away(services: RedisServices, json: bool) -> RenderableType:
    text = f"Redis at {place_of(services.settings.redis_url)} does not answer"
    return Text(one_line({"error": text}) if json else text)


def _table(seen: Look) -> Table:
    rows: list[tuple[object, ...]] = [(each.title, each.count, each.oldest) for each in seen.stages]
    rows += [(title, what, "") for title, what in seen.others()]
    return table_of("status", ("what", "how many", "oldest"), rows)


def doctor(json: Json = False) -> None:
    """Look at everything the work depends on; exit code 3 if something is in its way."""
    with opened() as services:
        findings = list(examine(services))
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            found = " ".join(finding.found.split())
            print(printable(f"{finding.level:<4}  {finding.what}: {found}"))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(UNREACHABLE)


def _told(seen: Look) -> dict[str, Any]:
    now = seen.now
    return {
        **asdict(now.backlog),
        **asdict(now.ages),
        **asdict(seen.extraction),
        "daily_tokens": now.daily_tokens,
        "dropped": seen.dropped,
        "paused": [pause | {"since": _iso(now.since_ms(pause["task"]))} for pause in now.paused],
        "failing": [
            {
                "stage": STAGE_OF[each.task],
                "error": each.error,
                "reason": each.reason,
                "since": _iso(each.since_ms),
                "last": _iso(each.last_ms),
            }
            for each in now.failing
        ],
        "users_over_budget": now.users_over_budget,
        "unconsumed": now.unconsumed,
        "workers": [{"name": w.name, "queues": w.queues} for w in now.workers],
        "obstacles": [obstacle.text for obstacle in now.obstacles()],
    }


def _iso(ms: int | None) -> str | None:
    return iso(1000 * ms) if ms else None

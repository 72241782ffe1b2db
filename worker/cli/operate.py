"""Setting up and looking after: init, status, doctor."""

from dataclasses import asdict

import typer

from tablestore_memory.worker.backlog import backlog, dropped
from tablestore_memory.worker.cli.output import (
    UNREACHABLE,
    Json,
    opened,
    out,
    print_json,
    print_table,
)
from tablestore_memory.worker.extract.state import state
from tablestore_memory.worker.health import examine
from tablestore_memory.worker.heartbeat import alive
from tablestore_memory.worker.stores.tables import create_all

_STAGES = {
    "events": "events to store",
    "requests": "requests (remember, forget)",
    "sessions": "sessions to extract",
    "unsearchable": "memories not searchable yet",
    "dead": "dead letters",
}
_EXTRACTION = {
    "oldest_unsearchable_s": "the oldest of these waits, seconds",
    "passed_over": "decisions made with the index too far behind",
    "given_up_sessions": "sessions given up",
    "qwen_calls_today": "calls to Qwen today (UTC)",
    "qwen_tokens_today": "tokens of Qwen today",
    "daily_tokens": "tokens a day, at most",
}


def init(json: Json = False) -> None:
    """Make the tables and indexes that are missing; harmless to repeat."""
    with opened() as services:
        made = create_all(
            services.tablestore, services.names, services.settings.embedding_dimension
        )
    if json:
        print_json({"created": made})
    else:
        out.print(f"created {', '.join(made)}" if made else "all tables are there", markup=False)


def status(json: Json = False) -> None:
    """Tell what is on its way, which queues are paused and why, and which workers are alive."""
    with opened() as services:
        now = backlog(services.redis, services.streams)
        paused = services.queues.paused()
        workers = [worker.name for worker in alive(services.redis, services.streams)]
        lost = dropped(services.redis, services.streams)
        extraction = state(services.redis, services.streams, services.unseen, services.budget)
    if json:
        print_json(
            {
                **asdict(now),
                **asdict(extraction),
                "dropped": lost,
                "paused": paused,
                "workers": workers,
            }
        )
        return
    rows = [(title, getattr(now, stage)) for stage, title in _STAGES.items()]
    rows += [(title, getattr(extraction, name)) for name, title in _EXTRACTION.items()]
    rows += [(f"events that publishers dropped: {why}", count) for why, count in lost.items()]
    rows += [("workers alive", ", ".join(workers) or "none")]
    print_table("status", ("what", "how many"), rows)
    for pause in paused:
        out.print(f"queue {pause['queue']} is paused: {pause['reason']}", markup=False)


def doctor(json: Json = False) -> None:
    """Look at everything the work depends on; exit code 3 if something is in its way."""
    with opened() as services:
        findings = list(examine(services))
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.level:<4}  {finding.what}: {finding.found}")
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(UNREACHABLE)

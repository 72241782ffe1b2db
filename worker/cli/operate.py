"""Setting up and looking after: init, status."""

from dataclasses import asdict

from worker.backlog import alive, backlog
from worker.cli.output import Json, opened, out, print_json, print_table
from worker.stores.tables import create_all

_STAGES = {
    "events": "events to store",
    "requests": "requests (remember, forget)",
    "sessions": "sessions to extract",
    "unsearchable": "memories not searchable yet",
    "dead": "dead letters",
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
        workers = alive(services.redis, services.streams)
    if json:
        print_json({**asdict(now), "paused": paused, "workers": workers})
        return
    rows = [(title, getattr(now, stage)) for stage, title in _STAGES.items()]
    rows += [("workers alive", ", ".join(workers) or "none")]
    print_table("status", ("what", "how many"), rows)
    for pause in paused:
        out.print(f"queue {pause['queue']} is paused: {pause['reason']}", markup=False)

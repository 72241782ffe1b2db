"""The commands, one module a group; this one lists them."""

import typer
from dotenv import find_dotenv, load_dotenv

from tablestore_memory.worker.cli import (
    dead,
    extraction,
    forget,
    operate,
    publish,
    replay,
    show,
    wait,
)

_COMMANDS = (
    operate.init,
    publish.publish,
    wait.wait,
    operate.status,
    operate.doctor,
    show.sessions,
    show.messages,
    show.memories,
    show.search,
    show.history,
    publish.remember,
    forget.forget,
    replay.replay,
    extraction.extract,
)


def run() -> None:
    """Run one command, with the variables of a `.env` file added to the environment."""
    load_dotenv(find_dotenv(usecwd=True))
    cli = typer.Typer(
        help="Background memory of AI agents on Alibaba Cloud Tablestore.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for command in _COMMANDS:
        cli.command()(command)
    cli.add_typer(dead.dead, name="dead")
    cli.add_typer(extraction.prompts, name="prompts")
    cli()

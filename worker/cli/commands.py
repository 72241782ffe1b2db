"""The commands, one module a group; this one lists them."""

import sys
from typing import Annotated

import typer
from dotenv import find_dotenv, load_dotenv

from tablestore_memory import __version__
from tablestore_memory.worker.cli.health import health
from tablestore_memory.worker.cli.local import serve

# The SDKs that all other commands load cost two seconds of a processor, and a probe comes every few seconds.
_LIGHT = (["health"], ["--version"])


def run() -> None:
    """Run one command, with the variables of a `.env` file added to the environment."""
    load_dotenv(find_dotenv(usecwd=True))
    command_line(light=sys.argv[1:2] in _LIGHT)()


def command_line(*, light: bool = False) -> typer.Typer:
    """All commands, or the light ones alone."""
    cli = typer.Typer(
        help="Background memory of AI agents on Alibaba Cloud Tablestore.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    cli.callback()(_options)
    if not light:
        _add_others(cli)
    cli.command()(health)
    cli.command("local", add_help_option=False)(_local)
    return cli


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Background memory of AI agents on Alibaba Cloud Tablestore."""


def _local(arguments: list[str]) -> None:
    """Serve Tablestore, DashScope or Redis on this machine: tablestore|dashscope|redis [OPTIONS]."""
    serve(arguments)  # which `main` does before; here it is listed


def _add_others(cli: typer.Typer) -> None:
    from tablestore_memory.worker.cli import (
        by_hand,
        cost,
        dead,
        export,
        extraction,
        forget,
        metrics,
        operate,
        publish,
        recall,
        replay,
        server,
        show,
        wait,
    )

    for command in (
        operate.init,
        publish.publish,
        wait.wait,
        operate.status,
        operate.doctor,
        metrics.metrics,
        server.serve,
        server.mcp,
        cost.cost,
        cost.audit,
        show.sessions,
        show.messages,
        show.memories,
        show.search,
        recall.recall,
        show.history,
        publish.remember,
        by_hand.edit,
        by_hand.delete,
        forget.forget,
        export.export,
        replay.replay,
        extraction.extract,
    ):
        cli.command()(command)
    cli.add_typer(dead.dead, name="dead")
    cli.add_typer(extraction.prompts, name="prompts")

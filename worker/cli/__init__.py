"""`memory-worker …`: the command line."""

import sys

from tablestore_memory.worker.cli.local import serve


def main() -> None:
    """Run one command. Where only a publisher is installed, say what is missing."""
    if sys.argv[1:2] == ["local"]:  # needs nothing of what the other commands do
        serve(sys.argv[2:])
    try:
        from tablestore_memory.worker.cli.commands import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tablestore_memory"):
            raise
        print(
            f"memory-worker: {error.name} is not installed; "
            "pip install 'tablestore-memory-worker[worker]'",
            file=sys.stderr,
        )
        sys.exit(2)
    run()

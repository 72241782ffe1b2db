"""`python -m tablestore_memory.localcloud {tablestore,dashscope,redis} …`: one local server in this process.

Owns the choice of the server and nothing else; each server reads its own options. `memory-worker local …`
is the same.
"""

import importlib
import os
import sys

SERVERS = {
    "tablestore": "tablestore_memory.localcloud.tablestore.server",
    "dashscope": "tablestore_memory.localcloud.dashscope.server",
    "redis": "tablestore_memory.localcloud.redis",
}
EXTRA = "tablestore-memory-worker[local]"
USAGE = f"usage: python -m tablestore_memory.localcloud {{{','.join(SERVERS)}}} [options]   (--help after a name)"


def main(argv: list[str]) -> int:
    """Run the server that `argv` names until it ends; return its exit code."""
    if argv[:1] in (["--help"], ["-h"]):
        print(USAGE)  # noqa: T201
        return 0
    if not argv or argv[0] not in SERVERS:
        print(USAGE, file=sys.stderr)  # noqa: T201 - a command line answers on stderr
        return 2
    # A stand-in shares the machine with what it stands in for. Read when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        # Imported here, because a Redis needs neither aiohttp nor numpy.
        server = importlib.import_module(SERVERS[argv[0]])
        return int(server.main(argv[1:]))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tablestore_memory"):
            raise
        print(f"{error.name} is not installed; pip install '{EXTRA}'", file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

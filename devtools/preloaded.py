"""What a fork server imports before it forks, so that its children need not: see devtools/forked.py."""

import importlib
import os

# Read when billiard and numpy are imported; workers and local servers are started with these.
os.environ["REMAP_SIGTERM"] = "SIGQUIT"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_COMMANDS = "dead extraction forget operate publish recall replay show wait"
MODULES = (
    *(f"tablestore_memory.worker.cli.{module}" for module in _COMMANDS.split()),
    "tablestore_memory.worker.app",
    "celery.bin.celery",
    "tablestore_memory.localcloud.tablestore.server",
    "tablestore_memory.localcloud.dashscope.server",
)

for _module in MODULES:
    importlib.import_module(_module)

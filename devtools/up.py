"""`make up`: everything on this machine, on the ports of .env.example, until Ctrl-C.

Data and logs stand in .local, or in the folder LOCAL_DATA. The addresses go into .env, if there is none, for
other terminals. Other ports: LOCAL_REDIS_PORT, LOCAL_TABLESTORE_PORT, LOCAL_DASHSCOPE_PORT, LOCAL_SERVER_PORT.
When a part ends, all of it does.
"""

import os
import re
import sys
from pathlib import Path

from dotenv import dotenv_values

from devtools.child import CannotStart
from devtools.signals import end_on_signals
from devtools.stack import ROOT, Stack

DATA = Path(os.environ.get("LOCAL_DATA", ".local"))
PORTS = {"redis": 6399, "tablestore": 8087, "dashscope": 8088, "server": 8089}
ADDRESSES = {
    "REDIS_URL": "Redis",
    "TABLESTORE_ENDPOINT": "Tablestore (local stand-in)",
    "DASHSCOPE_HTTP_BASE_URL": "Qwen (local rules, no language model)",
}


def main() -> int:
    """Start it, say where it is, and wait until somebody or something ends it."""
    end_on_signals(ctrl_c=0)
    ports = {
        name: int(os.environ.get(f"LOCAL_{name.upper()}_PORT", port))
        for name, port in PORTS.items()
    }
    try:
        with Stack(DATA, ports) as stack:
            _tell(stack)
            print(f"{stack.wait().ending()}; ending everything else", file=sys.stderr, flush=True)
    except CannotStart as error:
        print(f"make up: {error}", file=sys.stderr)
    return 1  # a person ends it by a signal


def _tell(stack: Stack) -> None:
    for name, what in ADDRESSES.items():
        print(f"{what:<38} {stack.environment[name]}")
    token = stack.environment["MEMORY_SERVER_TOKEN"]
    print(f"{'memory server (HTTP, MCP)':<38} {stack.server_url}, token {token}")
    print(f"{'page, good once, for ten minutes':<38} {stack.page_link}")
    print(f"data, and a log of each part           {stack.data}/, {stack.data}/*.log")
    _write_env(stack.environment)
    print("running until Ctrl-C; in another terminal: .venv/bin/memory-worker status", flush=True)


def _write_env(environment: dict[str, str]) -> None:
    """The example with these addresses; a file that names others is left alone, and that is said."""
    file = Path(".env")
    if not file.exists():
        text = (ROOT / ".env.example").read_text(encoding="utf-8")
        for name in ADDRESSES:
            text = re.sub(rf"^{name}=.*", f"{name}={environment[name]}", text, flags=re.MULTILINE)
        file.write_text(text, encoding="utf-8")
    elsewhere = [name for name in ADDRESSES if dotenv_values(file).get(name) != environment[name]]
    if elsewhere:
        print(f".env has another {', '.join(elsewhere)}: memory-worker goes there")


if __name__ == "__main__":
    sys.exit(main())

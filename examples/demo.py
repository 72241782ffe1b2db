"""`make demo`: a conversation is published, stored, remembered and found, all on this machine.

Run it twice: the second run publishes the same events again, and nothing is there twice.
`make up` starts the same and keeps it running.
"""

import json
import subprocess
import sys

from rich.console import Console

from devtools.child import CannotStart
from devtools.signals import end_on_signals
from devtools.stack import BIN, ROOT, Stack

USER, SESSION, QUESTION = "mei", "mei-1", "Which food must I avoid? Am I allergic to anything?"
console = Console()


def main() -> int:
    """Run every step; the exit code is 0 only if what was published was found again."""
    end_on_signals()
    console.rule("Starting Redis, Tablestore and Qwen stand-ins, and two workers")
    try:
        with Stack(ROOT / ".local" / "demo") as stack:
            return _tour(stack.environment)
    except CannotStart as error:
        console.print(str(error), markup=False)
        return 1


def _tour(environment: dict[str, str]) -> int:
    before = len(_json(environment, "memories", USER))
    _show(environment, "publish", "examples/conversation.jsonl")
    _show(environment, "wait", "--timeout", "60")
    for command in (("sessions", USER), ("messages", USER, SESSION), ("memories", USER)):
        _show(environment, *command)
    _show(environment, "history", USER)
    _show(environment, "search", USER, QUESTION, "--limit", "1")
    return _checked(environment, before)


def _checked(environment: dict[str, str], before: int) -> int:
    published = [
        line["message_id"]
        for line in map(json.loads, (ROOT / "examples/conversation.jsonl").open(encoding="utf-8"))
        if line["type"] == "message" and line["session_id"] == SESSION
    ]
    stored = [m["message_id"] for m in _json(environment, "messages", USER, SESSION)]
    memories = _json(environment, "memories", USER)
    found = _json(environment, "search", USER, QUESTION, "--limit", "1")
    if stored != published or "peanuts" not in found[0]["text"] or before not in (0, len(memories)):
        console.print("[red]what was found is not what was published[/red]")
        return 1
    again = f"; the {before} of the last run, none twice" if before else ""
    console.rule(f"{len(memories)} memories{again}")
    console.print("in a browser: LOCAL_DATA=.local/demo make up, and open the page that it prints")
    return 0


def _show(environment: dict[str, str], *command: str) -> None:
    console.print(f"\n$ memory-worker {subprocess.list2cmdline(command)}", markup=False)
    subprocess.run([BIN / "memory-worker", *command], env=environment, cwd=ROOT, check=True)


def _json(environment: dict[str, str], *command: str) -> list[dict[str, str]]:
    answer = subprocess.run(
        [BIN / "memory-worker", *command, "--json"],
        env=environment,
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    found: list[dict[str, str]] = json.loads(answer.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())

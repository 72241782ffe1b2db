"""Evaluate memories of LoCoMo files and corpora; print figures, never texts.

    python -m bench.evaluation [--cassette FILE [--record FOLDER]] [--json] FILE_OR_FOLDER…
    python -m bench.evaluation --model qwen-plus --endpoint URL [--json] FILE_OR_FOLDER…

Qwen is a cassette of recorded answers, or real with an endpoint (DASHSCOPE_API_KEY is used and every call
costs). With neither it is the local rules, which find little; that run checks the machinery and is no judgement
of a model. docs/evaluation.md says what the figures mean and how answers are recorded.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench.evaluation.answers import Missing
from bench.evaluation.conversations import load
from bench.evaluation.retrieval import BUDGETS, WAYS
from bench.evaluation.run import Wanted, run
from tablestore_memory.worker.telemetry import configure_logging


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="qwen-plus")
    parser.add_argument("--endpoint", help="of DashScope, ending in /api/v1; default: local rules")
    parser.add_argument("--cassette", type=Path, help="recorded answers, which are played")
    parser.add_argument("--record", type=Path, help="a folder where missing answers are asked for")
    parser.add_argument(
        "--judged",
        type=_ways_and_budgets,
        default="memories:2000",
        help="way:tokens,… whose contexts are answered from and judged, or none; default: %(default)s",
    )
    parser.add_argument("--rerank", metavar="MODEL", help="have what is found reranked by it")
    parser.add_argument("--sessions", type=int, help="only the first so many of each")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("files", nargs="*", type=Path)
    options = vars(parser.parse_args())
    files, as_json, sessions = (options.pop(name) for name in ("files", "json", "sessions"))
    if options["record"] and not options["cassette"]:
        parser.error("--record needs the --cassette that answers go into")
    configure_logging("WARNING", "console")
    try:
        figures = run([load(file, sessions) for file in files], Wanted(**options))
    except Missing as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=2) if as_json else table(figures))
    return 0


def _ways_and_budgets(given: str) -> list[tuple[str, int]]:
    found = [each.partition(":") for each in given.split(",") if given != "none"]
    if any(way not in WAYS or budget not in map(str, BUDGETS) for way, _, budget in found):
        raise argparse.ArgumentTypeError(
            f"way:tokens, a way of {', '.join(WAYS)}, tokens of {', '.join(map(str, BUDGETS))}"
        )
    return [(way, int(budget)) for way, _, budget in found]


def table(figures: dict[str, Any]) -> str:
    """Figures by way, budget and category as tables, all else line by line."""
    tables = {name: figures[name] for name in ("recall", "right", "wrong")}
    rows = [f"{name}: {value}" for name, value in figures.items() if name not in tables]
    for name, lines in tables.items():
        rows += ["", *_aligned(name, lines)]
    return "\n".join(rows)


def _aligned(name: str, lines: list[dict[str, Any]]) -> list[str]:
    names = list(dict.fromkeys(key for line in lines for key in line))
    heads = [name, *names]
    cells = [["", *(str(line.get(key, 0)) for key in names)] for line in lines]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    return [
        "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) for row in [heads, *cells]
    ]


if __name__ == "__main__":
    sys.exit(main())

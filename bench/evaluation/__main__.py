"""Evaluate extraction on LoCoMo files and planted conversations; print figures, never texts.

    python -m bench.evaluation [--model qwen-plus] [--endpoint URL] [--json] FILE…

Without an endpoint Qwen is the local rules, which find little; that run checks the machinery and is no
judgement of a model. With one, DASHSCOPE_API_KEY is used and every call costs.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from bench.evaluation import quality
from bench.evaluation.local import local_deployment, remember
from bench.evaluation.recall import BUDGETS, Report, evaluate, parts_of
from devtools.extraction import memory_rows
from devtools.locomo import lines as lines_of
from devtools.locomo import slug
from tablestore_memory.worker.telemetry import configure_logging


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen-plus")
    parser.add_argument("--endpoint", help="of DashScope, ending in /api/v1; default: local rules")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("files", nargs="*", type=Path)
    wanted = parser.parse_args()
    configure_logging("WARNING", "console")
    figures = run(wanted.files, wanted.model, wanted.endpoint)
    print(json.dumps(figures, indent=2) if wanted.json else table(figures))


def run(files: list[Path], model: str, endpoint: str | None) -> dict[str, Any]:
    report, lines = Report(), []
    with local_deployment(model, endpoint) as (deployment, limiter):
        for file in files:
            conversation = json.loads(file.read_text("utf-8"))
            of_file = list(lines_of(conversation, slug(file.stem)))
            remember(deployment, of_file)
            lines.append((conversation, slug(file.stem), of_file))
        every = [line for _, _, of_file in lines for line in of_file]
        calls, tokens = dict(limiter.calls), dict(limiter.tokens)
        for conversation, name, of_file in lines:
            questions = parts_of(conversation, name)
            evaluate(deployment, of_file[0]["user_id"], of_file, questions, report)
        extracted = memory_rows(deployment)
        figures: dict[str, Any] = {
            "answers_by": f"{model} at {endpoint}"
            if endpoint
            else "local rules, no language model",
            "messages": len(every),
            "memories": len(extracted),
            "doubles": quality.doubles(
                deployment.services.memories.get([m.document_id for m in extracted])
            ),
            **quality.unsupported(extracted, every),
            "language_match": quality.language_match(extracted),
            "per_1000_messages": _per_1000(calls, tokens, len(every)),
            "dates": quality.dates(deployment),
            "stale": quality.stale(deployment),
            "leaks": quality.leaks(deployment),
        }
    figures["recall"] = [
        {"way": way, "tokens": budget, "category": category} | recall.means()
        for (way, budget, category), recall in sorted(report.recall.items())
    ]
    figures["losses"] = {budget: vars(report.losses[budget]) for budget in BUDGETS}
    return figures


def _per_1000(calls: dict[str, int], tokens: dict[str, int], messages: int) -> dict[str, float]:
    each = 1000 / max(messages, 1)
    figures = {f"calls {model}": round(n * each, 1) for model, n in calls.items()}
    figures |= {f"tokens {model}": round(n * each) for model, n in tokens.items()}
    return figures | {"calls": round(sum(calls.values()) * each, 1)}


def table(figures: dict[str, Any]) -> str:
    rows = [f"{name}: {value}" for name, value in figures.items() if name not in ("recall",)]
    rows.append(f"{'way':<9} {'tokens':>6} {'category':<12} {'n':>4} {'any':>6} {'all':>6} share")
    rows += [
        f"{r['way']:<9} {r['tokens']:>6} {r['category']:<12} {r['questions']:>4} "
        f"{r['any_hit']:>6} {r['all_found']:>6} {r['share']}"
        for r in figures["recall"]
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()

"""What Qwen cost, what one user may cost, and who looked: from the command line, with workers running."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from devtools.commands import memory_worker
from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import wait_until
from tablestore_memory.worker.costs.ledger import today
from tests.answers import answer, audited

OWN_TABLES = {"MEMORY_COST_TABLE": "told_costs", "MEMORY_AUDIT_TABLE": "told_costs_audit"}
NOBODY = "redis://127.0.0.1:9/0"  # the discard port: nothing listens
SECRET = "where did I hide the key"


@pytest.fixture
def deployment(redis_url: str, tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    urls = redis_url, tablestore_url, dashscope_url
    with Deployment(*urls, **OWN_TABLES) as deployment:
        yield deployment


def over(user: str, session: str, text: str) -> list[dict[str, Any]]:
    return [
        said(user, session, 1, text),
        {"type": "session_end", "user_id": user, "session_id": session},
    ]


def users_with_costs(deployment: Deployment) -> set[str]:
    return {line["name"] for line in answer(deployment, "cost", "--by", "user")}


def test_user_over_budget_waits_and_nobody_else_and_costs_are_told(
    deployment: Deployment, fresh_name: str
) -> None:
    ana, bo = f"{fresh_name}-ana", f"{fresh_name}-bo"
    deployment.environment["MEMORY_USER_DAILY_TOKENS"] = "1"
    deployment.start_workers("", pool="threads", concurrency=4)
    deployment.publish(*over(ana, ana, "I like green tea."))
    deployment.wait()
    deployment.publish(*over(ana, f"{ana}-2", "I like chess."))
    wait_until(lambda: answer(deployment, "status")["users_over_budget"] == 1, "ana waits")

    deployment.publish(*over(bo, bo, "I like rowing."))
    wait_until(lambda: deployment.texts(bo), "bo's memory")
    wait_until(lambda: {ana, bo} <= users_with_costs(deployment), "rows of both")
    status, lines = deployment.command("status").stdout.decode(), answer(deployment, "cost")

    assert len(deployment.texts(ana)) == 1
    assert "1 user has spent its tokens of today (MEMORY_USER_DAILY_TOKENS)" in status
    assert [line["name"] for line in lines] == [str(today())]
    assert lines[0]["cost"] > 0
    assert lines[0]["input_tokens"] > lines[0]["output_tokens"] > 0
    table = deployment.command("cost", "--by", "user").stdout.decode()
    assert "cost by user" in table


def test_who_looked_is_in_the_audit_and_what_was_looked_for_is_not(
    deployment: Deployment, fresh_name: str
) -> None:
    deployment.start_workers("extract", pool="threads", concurrency=2)

    answer(deployment, "messages", fresh_name, fresh_name)
    answer(deployment, "search", fresh_name, SECRET)
    answer(deployment, "recall", fresh_name, SECRET)
    answer(deployment, "remember", fresh_name, SECRET)
    away = memory_worker(
        deployment.environment | {"REDIS_URL": NOBODY}, "memories", fresh_name, "--json"
    )
    told = audited(deployment, fresh_name, 5)

    assert away.returncode == 0
    commands = {each["command"] for each in told}
    assert commands == {"messages", "search", "recall", "remember", "memories"}
    assert all(each["by"].startswith("os:") and each["at"] and each["host"] for each in told)
    assert SECRET not in json.dumps(told)
    assert answer(deployment, "audit", "--user", "somebody else") == []

"""Counters beside the truth while workers are killed: the flow of events is counted where it happens."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import pytest

from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import wait_until
from tests.failures.ingesting import SHARED_TABLES, append, dead, malformed
from tests.metrics import RECYCLED, Samples, metrics_server, scraped, total

USERS, MESSAGES = 4, 250


@pytest.fixture
def deployment(
    redis_url: str, faulty_tablestore_url: str, dashscope_url: str
) -> Iterator[Deployment]:
    urls = redis_url, faulty_tablestore_url, dashscope_url
    with Deployment(*urls, **SHARED_TABLES) as deployment:
        yield deployment


def rows(deployment: Deployment, users: list[str]) -> int:
    return sum(1 for user in users for _ in deployment.services.sessions.messages(user, user))


def went_back(before: Samples, after: Samples) -> list[str]:
    """The counters that did."""
    counters = (key for key in before if key[0].endswith(("_total", "_count", "_sum")))
    return [name for name, labels in counters if after[name, labels] < before[name, labels]]


def test_counters_equal_rows_and_entries_while_workers_are_killed(
    deployment: Deployment, fresh_name: str
) -> None:
    users = [f"{fresh_name}-{n}" for n in range(USERS)]
    append(deployment, 0, malformed(fresh_name, 1))
    with metrics_server(deployment.environment) as server:
        seen = [scraped(server)]
        for user in users:
            (worker,) = deployment.start_workers("ingest", **RECYCLED)
            deployment.publish(*(said(user, user, n, "I like tea.") for n in range(MESSAGES)))
            wait_until(partial(rows, deployment, [user]), "its first rows")
            worker.kill()
            seen.append(scraped(server))
        deployment.start_workers("ingest", **RECYCLED)
        wait_until(lambda: rows(deployment, users) == USERS * MESSAGES, "all rows")
        wait_until(lambda: total(scraped(server), "waiting", stage="events") == 0, "settled")
        seen.append(now := scraped(server))

    assert total(now, "events_published_total") == USERS * MESSAGES + 1
    assert total(now, "events_settled_total", outcome="stored") == USERS * MESSAGES
    assert total(now, "message_rows_total") == rows(deployment, users)
    assert total(now, "events_settled_total", outcome="refused") == len(dead(deployment)) == 1
    assert total(now, "dead_letters", queue="ingest", error="MalformedEvent") == 1
    assert [went_back(*pair) for pair in pairwise(seen)] == [[]] * (len(seen) - 1)

"""What is told as a turn without an index: what nothing was extracted from, and what was said just now."""

from datetime import UTC, datetime, timedelta

import pytest

from devtools.extraction import extract_all, said, store
from tablestore_memory.recall.asked import Asked
from tablestore_memory.recall.fresh import fresh_turns
from tablestore_memory.recall.settings import RecallSettings
from tests.failures.ingesting import idle_deployment


@pytest.mark.parametrize(("ago_s", "told"), [(1, ["I keep bees."]), (60, [])])
def test_turn_that_held_no_fact_is_told_until_an_index_shows_it(
    redis_url: str,
    tablestore_url: str,
    dashscope_url: str,
    fresh_name: str,
    ago_s: int,
    told: list[str],
) -> None:
    deployment = idle_deployment(redis_url, tablestore_url, dashscope_url)
    at = (datetime.now(UTC) - timedelta(seconds=ago_s)).isoformat()
    store(deployment, said(fresh_name, fresh_name, 1, "I keep bees.", created_at=at))
    extract_all(deployment)

    settings = RecallSettings.from_env(deployment.environment)
    asked = Asked.checked(settings, {"user_id": fresh_name, "query": "bees"})
    rows = fresh_turns(deployment.services.sessions, asked)

    assert [row.said.text for row in rows] == told

"""What a caller gets wrong raises and names the argument or the setting, never its value."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tablestore_memory.recall import BadSettings, Recall, RecallSettings
from tablestore_memory.recall.asked import Asked, Question
from tablestore_memory.recall.settings import VARIABLES
from tests.documents import table

ROOT = Path(__file__).parents[2]
NEEDED: dict[str, Any] = {
    "tablestore_endpoint": "http://127.0.0.1:9",
    "tablestore_instance": "local",
    "tablestore_key_id": "local",
    "tablestore_key_secret": "local",
}
SETTINGS = RecallSettings.of(NEEDED)


def asked(**question: Any) -> Asked:
    return Asked.checked(SETTINGS, {"user_id": "ana", "query": "tea", **question})  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("user_id", ""),
        ("user_id", None),
        ("user_id", "ä" * 600),
        ("user_id", "\ud83d"),
        ("session_id", ""),
        ("query", b"tea"),
        ("tokens", 0),
        ("tokens", -1),
        ("tokens", 2.5),
        ("tokens", True),
        ("facts_share", 1.1),
        ("facts_share", "0.7"),
        ("kinds", "event"),
        ("kinds", ["event", "preferences"]),
        ("kinds", [["event"]]),
        ("kinds", 7),
        ("since", datetime(2023, 5, 8)),
        ("until", "2023-05-08"),
        ("as_of", 1_683_500_000),
        ("deadline_s", -1.0),
        ("deadline_s", 0),
        ("deadline_s", "1"),
        ("deadline_s", float("nan")),
    ],
)
def test_wrong_argument_is_named(argument: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{argument}: ") as raised:
        asked(**{argument: value})

    assert repr(value) not in str(raised.value)


@pytest.mark.parametrize("question", [{"user": "ana"}, {"token": 5}])
def test_argument_that_there_is_not_is_a_type_error(question: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(question))):
        asked(**question)


def test_secrets_in_a_query_are_sent_nowhere() -> None:
    assert "hunter2" not in asked(query="My password is hunter2-Xy9, is it good?").query


def test_times_are_microseconds_whatever_their_zone() -> None:
    assert asked(since=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)).since == 1_000_000


def test_settings_that_are_wrong_are_all_named_and_not_shown() -> None:
    wrong = NEEDED | {"tablestore_endpoint": "ftp://secret", "embedding_dimension": "many"}
    del wrong["tablestore_key_id"]

    with pytest.raises(BadSettings) as raised:
        Recall(**wrong)

    assert [problem.split(":")[0] for problem in raised.value.problems] == [
        "tablestore_endpoint",
        "tablestore_key_id",
        "embedding_dimension",
    ]
    assert "secret" not in str(raised.value)
    assert "many" not in str(raised.value)


def test_settings_of_the_environment_are_named_by_their_variables() -> None:
    with pytest.raises(BadSettings, match="TABLESTORE_ENDPOINT: is missing"):
        Recall.from_env({"REDIS_URL": " "})


def test_secrets_of_the_settings_are_not_shown() -> None:
    settings = RecallSettings.of(
        NEEDED | {"dashscope_api_key": "k3y", "redis_url": "redis://:pw@h"}
    )

    assert "k3y" not in repr(settings)
    assert "pw" not in repr(settings)


def test_documented_settings_are_those_of_the_code() -> None:
    documented = {}
    for setting, variable, *_ in table("recall.md", "setting"):
        documented[setting.strip("`")] = variable.strip("`")

    assert documented == VARIABLES


def test_documented_arguments_are_those_of_the_code() -> None:
    documented = [row[0].strip("`") for row in table("recall.md", "argument")]

    assert documented == list(Question.__annotations__)


def test_documented_parts_are_those_of_the_code() -> None:
    documented = {row[0].strip("`") for row in table("recall.md", "part")}

    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "recall").glob("*.py"))
    assert documented == set(re.findall(r'"((?:memories|turns)\.[a-z]+|rerank)"', code))


def test_recall_that_was_closed_says_so() -> None:
    with Recall(**NEEDED) as recall:
        pass

    with pytest.raises(RuntimeError, match="this Recall was closed"):
        recall(user_id="ana", query="tea")

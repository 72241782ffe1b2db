"""`memory-worker recall` as a person and a script meet it."""

import json

import pytest

from devtools.commands import memory_worker
from devtools.deployment import Deployment
from devtools.extraction import confirm_all, extract_all, said, store
from devtools.servers import wait_until
from tests.failures.ingesting import idle_deployment

USER, SESSION = "recalled", "recalled-1"
NOBODY = "127.0.0.1:9"  # the discard port: nothing listens


@pytest.fixture(scope="module")
def idle(redis_url: str, tablestore_url: str, dashscope_url: str) -> Deployment:
    deployment = idle_deployment(redis_url, tablestore_url, dashscope_url)
    store(deployment, said(USER, SESSION, 1, "I live in Paris."))
    extract_all(deployment)
    wait_until(lambda: not confirm_all(deployment), "searchable")
    return deployment


def test_person_sees_the_block_and_what_it_is_made_of(idle: Deployment) -> None:
    answer = idle.command("recall", USER, "Where do I live?", "--explain")

    assert answer.returncode == 0, answer.stderr
    said = answer.stdout.decode()
    assert "2023-05-08\n- The user lives in Paris" in said
    assert "2023-05-08\n13:01 user: I live in Paris." in said
    assert "memories.vector" in said
    assert b"1 fact, 1 turn" in answer.stderr


def test_script_gets_all_of_it_as_json(idle: Deployment) -> None:
    answer = idle.command("recall", USER, "Where do I live?", "--json")

    told = json.loads(answer.stdout)
    assert told["memories"][0]["sources"] == [
        {"message_id": f"{SESSION}-1", "session_id": SESSION, "text": "I live in Paris."}
    ]
    assert told["missing"] == []


def test_nothing_known_is_said_and_is_no_failure(idle: Deployment) -> None:
    answer = idle.command("recall", "nobody", "Where do I live?")

    assert answer.returncode == 0
    assert answer.stdout.decode() == "nothing is known of nobody for this\n"


def test_nothing_found_where_something_is_away_is_not_nothing_known(idle: Deployment) -> None:
    away = idle.environment | {"TABLESTORE_ENDPOINT": f"http://{NOBODY}"}

    answer = memory_worker(away, "recall", USER, "Where do I live?")

    assert answer.returncode == 3
    assert answer.stdout.decode() == f"nothing was found of {USER}, and not all of it answered\n"


@pytest.mark.parametrize(
    ("variables", "options", "code", "wanted"),
    [
        ({"TABLESTORE_ENDPOINT": f"http://{NOBODY}"}, (), 3, "missing: memories.words (Unavail"),
        ({"TABLESTORE_ENDPOINT": ""}, (), 2, "TABLESTORE_ENDPOINT: is missing"),
        ({}, ("--since", "yesterday"), 2, "--since: no date and time of ISO 8601"),
        ({}, ("--as-of", "2023-05-08"), 2, "--as-of: names no time zone"),
        ({}, ("--kind", "facts"), 2, "kinds: must be of profile, preference"),
        ({}, ("--session", ""), 2, "session_id: must be a text that is not empty"),
    ],
)
def test_what_is_wrong_is_one_line_each(
    idle: Deployment,
    variables: dict[str, str],
    options: tuple[str, ...],
    code: int,
    wanted: str,
) -> None:
    answer = memory_worker(idle.environment | variables, "recall", USER, "tea", *options)

    assert answer.returncode == code, answer.stderr
    assert wanted in answer.stderr.decode()
    assert "Traceback" not in answer.stderr.decode()

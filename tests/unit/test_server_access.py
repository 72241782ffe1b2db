"""Which token opens what, and what is wrong with settings of a server."""

import json
from typing import Any

import pytest

from tablestore_memory.server.access import Access, Token, Tokens
from tablestore_memory.server.problems import Forbidden, Malformed, NotFound, Unauthorized
from tablestore_memory.server.settings import ServerSettings, made_up_token
from tablestore_memory.worker.settings import Settings, SettingsError

LONG = "0123456789abcdef"
TOKENS = [
    Token(name="all", token=f"all-{LONG}"),
    Token(name="ana", token=f"ana-{LONG}", user_id="ana"),
    Token(name="acme", token=f"acme-{LONG}", tenant="acme"),
]


def settings(**variables: str) -> ServerSettings:
    needed = {str(f.alias): "http://x" for f in Settings.model_fields.values() if f.is_required()}
    return ServerSettings.from_env(needed | variables)


def test_token_opens_what_it_is_for() -> None:
    tokens = Tokens(TOKENS, "acme")

    assert tokens.access(f"Bearer all-{LONG}") == Access("all", None)
    assert tokens.access(f"bearer ana-{LONG} ") == Access("ana", "ana")
    assert tokens.access(f"Bearer acme-{LONG}") == Access("acme", None)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic all-{LONG}",
        f"all-{LONG}",
        f"Bearer all-{LONG}x",
        "Bearer é",
    ],
)
def test_anything_else_opens_nothing(header: str | None) -> None:
    with pytest.raises(Unauthorized):
        Tokens(TOKENS, "acme").access(header)


def test_token_of_another_tenant_opens_nothing() -> None:
    with pytest.raises(Unauthorized):
        Tokens(TOKENS, "__default").access(f"Bearer acme-{LONG}")


def test_token_of_a_user_is_for_that_user_alone() -> None:
    ana = Access("ana", "ana")

    assert ana.user(None) == ana.user("ana") == ana.user_of_path("ana") == "ana"
    with pytest.raises(Forbidden):
        ana.user("eve")
    with pytest.raises(NotFound):
        ana.user_of_path("eve")
    with pytest.raises(Forbidden):
        ana.to_everything()


def test_token_for_all_users_has_to_say_whom_it_asks_about() -> None:
    everybody = Access("all")

    assert everybody.user("eve") == everybody.user_of_path("eve") == "eve"
    with pytest.raises(Malformed):
        everybody.user(None)
    everybody.to_everything()


def test_tokens_come_from_both_variables() -> None:
    listed = json.dumps([{"name": "ana", "token": f"ana-{LONG}", "user_id": "ana"}])

    tokens = settings(MEMORY_SERVER_TOKEN=f"one-{LONG}", MEMORY_SERVER_TOKENS=listed).tokens

    assert [(each.name, each.user_id) for each in tokens] == [("server", None), ("ana", "ana")]
    assert LONG not in repr(tokens)


def test_token_that_is_made_up_is_long_and_another_each_time() -> None:
    assert len(made_up_token().token) >= 43
    assert made_up_token().token != made_up_token().token


SECRET = "hunter2-hunter2-hunter2"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MEMORY_SERVER_TOKEN", "hunter2"),
        ("MEMORY_SERVER_TOKEN", f"{SECRET} {SECRET}"),
        ("MEMORY_SERVER_TOKENS", SECRET),
        ("MEMORY_SERVER_TOKENS", json.dumps([{"name": "a", "token": "hunter2"}])),
        ("MEMORY_SERVER_TOKENS", json.dumps([{"name": "a b", "token": SECRET}])),
        ("MEMORY_SERVER_TOKENS", json.dumps([{"name": "a", "token": SECRET, "user": "hunter2"}])),
        ("MEMORY_SERVER_TOKENS", json.dumps([{"name": n, "token": SECRET} for n in "ab"])),
        ("MEMORY_SERVER_TOKENS", json.dumps([{"name": "a", "token": SECRET + n} for n in "ab"])),
        ("MEMORY_SERVER_HOSTS", "http://hunter2"),
        ("MEMORY_SERVER_ORIGINS", "hunter2.example.com"),
        ("MEMORY_SERVER_REQUESTS", "0"),
        ("MEMORY_SERVER_TIMEOUT_S", "hunter2"),
    ],
)
def test_wrong_setting_is_named_and_not_repeated(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(**{variable: value})

    (said,) = refused.value.problems
    assert said.startswith(f"{variable}: ")
    assert "hunter2" not in said


def test_worker_s_settings_are_checked_with_the_server_s() -> None:
    wrong: Any = {"MEMORY_SERVER_REQUESTS": "0", "MEMORY_PARTITIONS": "0"}

    with pytest.raises(SettingsError) as refused:
        settings(**wrong)

    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    "entry", [{"name": "ana", "token": SECRET}, {"name": "server", "token": SECRET + "x"}]
)
def test_no_token_and_no_name_stands_in_both_variables(entry: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="MEMORY_SERVER_TOKENS"):
        settings(MEMORY_SERVER_TOKEN=SECRET, MEMORY_SERVER_TOKENS=json.dumps([entry]))

"""A wrong setting is found at the start, by its name, with all the others, and never by its value."""

import pytest

from tablestore_memory.worker.settings import RedisSettings, Settings, SettingsError

RIGHT = {
    "TABLESTORE_ENDPOINT": "https://local.cn-hangzhou.ots.aliyuncs.com",
    "TABLESTORE_INSTANCE_NAME": "local",
    "TABLESTORE_ACCESS_KEY_ID": "LTAI5tlocal",
    "TABLESTORE_ACCESS_KEY_SECRET": "s3cr3t",
    "DASHSCOPE_API_KEY": "sk-local",
}


def problems(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(RIGHT | variables)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is refused.value.__context__ is None
    return refused.value.problems


def test_key_from_a_file_that_ends_with_a_line_break_is_that_key() -> None:
    settings = Settings.from_env(RIGHT | {"DASHSCOPE_API_KEY": "sk-local\r\n"})

    assert settings.dashscope_api_key.get_secret_value() == "sk-local"


def test_variable_of_white_space_counts_as_unset() -> None:
    assert problems(DASHSCOPE_API_KEY=" \n") == ["DASHSCOPE_API_KEY: Field required"]
    assert Settings.from_env(RIGHT | {"TABLESTORE_REGION": " "}).tablestore_region is None


@pytest.mark.parametrize(
    "variable",
    [
        *("TABLESTORE_INSTANCE_NAME", "TABLESTORE_ACCESS_KEY_ID", "TABLESTORE_ACCESS_KEY_SECRET"),
        *("TABLESTORE_STS_TOKEN", "TABLESTORE_REGION", "DASHSCOPE_API_KEY"),
        *("MEMORY_MODEL", "MEMORY_EMBEDDING_MODEL", "MEMORY_PREFIX", "MEMORY_SESSION_TABLE"),
        "MEMORY_TENANT",
    ],
)
@pytest.mark.parametrize("odd", ["\u200b", " x", "\nx", "密", "\x7f", "\u00a0x"])
def test_key_id_or_name_with_an_invisible_or_foreign_character_is_refused(
    variable: str, odd: str
) -> None:
    (problem,) = problems(**{variable: f"hunter2{odd}"})

    assert problem.startswith(f"{variable}: ")


WRONG = {
    "REDIS_URL": "http://:hunter2@h:1/0",
    "MEMORY_BROKER_URL": "redis://:hunter2@h:x/0",
    "MEMORY_PARTITIONS": "hunter2",
    "TABLESTORE_ENDPOINT": "https://u:hunter2@h",
    "TABLESTORE_ACCESS_KEY_SECRET": "hunter2\u200b",
    "DASHSCOPE_API_KEY": "hunter2\u200b",
    "DASHSCOPE_HTTP_BASE_URL": "https://h/api/v1?token=hunter2",
    "MEMORY_SESSION_TABLE": "2hunter2",
    "MEMORY_MEMORY_TABLE": "my-hunter2",
    "MEMORY_EMBEDDING_DIMENSION": "-1",
    "MEMORY_IDLE_S": "inf",
    "MEMORY_MAX_WAIT_S": "nan",
    "MEMORY_LOG_LEVEL": "hunter2",
    "MEMORY_INSTRUCTIONS": "hunter2" * 1_000,
}


def test_every_wrong_setting_is_named_at_once_and_no_value_is() -> None:
    found = problems(**WRONG)

    assert sorted(problem.partition(":")[0] for problem in found) == sorted(WRONG)
    assert not any("Value error" in problem for problem in found)


@pytest.mark.parametrize(
    "url",
    [
        *("redis://h:1/0", "redis://h", "redis://:p%40w@[::1]:6379/15", "rediss://u:p@h:1"),
        *("unix:///run/redis.sock?db=1", "redis+sentinel://a:1,b:2/events/3?sentinel_password=x"),
    ],
)
def test_every_form_of_a_redis_url_that_celery_can_use_is_taken(url: str) -> None:
    assert Settings.from_env(RIGHT | {"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    "url", ["redis+cluster://a:1", "rediss+cluster://a:1", "rediss+sentinel://a/s"]
)
def test_redis_that_celery_cannot_use_needs_a_broker_beside_it(url: str) -> None:
    (problem,) = problems(REDIS_URL=url)

    assert problem.startswith("MEMORY_BROKER_URL: Celery")
    beside = {"REDIS_URL": url, "MEMORY_BROKER_URL": "redis://b:1"}
    assert Settings.from_env(RIGHT | beside).redis_url == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "hunter2",
            "redis:hunter2",
            "redis://h:hunter2/0",
            "redis://h:1/hunter2",
            "redis://h:99999/0",
        ),
        *("redis+sentinel://h:1", "redis://u:hunter2\u200b@h", "redis://[::1/hunter2"),
    ],
)
def test_url_that_names_no_redis_is_refused(url: str) -> None:
    (problem,) = problems(REDIS_URL=url)

    assert problem.startswith("REDIS_URL: ")


def test_two_kinds_of_rows_in_one_table_are_refused() -> None:
    found = problems(MEMORY_HISTORY_TABLE="agentscope_runtime_memory", MEMORY_MESSAGE_TABLE="x y")

    assert found[0] == "MEMORY_HISTORY_TABLE: names the same table as MEMORY_MEMORY_TABLE"
    assert len(found) == 2


def test_settings_show_no_secret() -> None:
    settings = Settings.from_env(
        RIGHT
        | {"REDIS_URL": "redis://:hunter2@h", "MEMORY_BROKER_URL": "redis://:hunter2@h"}
        | {"TABLESTORE_ACCESS_KEY_SECRET": "hunter2", "TABLESTORE_STS_TOKEN": "hunter2"}
        | {"DASHSCOPE_API_KEY": "hunter2"}
    )

    assert "hunter2" not in f"{settings!r}{settings}"


def test_what_stands_in_redis_needs_no_other_setting() -> None:
    assert RedisSettings.from_env({"MEMORY_PREFIX": "mine"}).prefix == "mine"

"""What is made for a process from its settings, and what is given in place of that."""

from functools import cached_property
from typing import Any, get_type_hints

import pytest

from tablestore_memory.worker.failures.isolation import Isolation
from tablestore_memory.worker.qwen.rate_limit import Unlimited
from tablestore_memory.worker.services import Collaborators, Services
from tablestore_memory.worker.settings import Settings

ENVIRONMENT = {
    "TABLESTORE_ENDPOINT": "http://127.0.0.1:9",
    "TABLESTORE_INSTANCE_NAME": "local",
    "TABLESTORE_ACCESS_KEY_ID": "local",
    "TABLESTORE_ACCESS_KEY_SECRET": "local",
    "DASHSCOPE_API_KEY": "local",
    "MEMORY_ISOLATE_S": "60",
}


@pytest.fixture
def settings() -> Settings:
    return Settings.from_env(ENVIRONMENT)


def test_what_is_given_is_used_by_all_that_is_made(settings: Settings) -> None:
    limiter, isolation = Unlimited(), Isolation(30, 2)

    services = Services(settings, limiter=limiter, isolation=isolation)

    assert services.limiter is limiter
    assert services.isolation is services.ingest.isolation is isolation
    assert services.requests.attempt.isolation is isolation


def test_what_is_not_given_is_made_from_the_settings(settings: Settings) -> None:
    assert Services(settings, limiter=Unlimited()).isolation == Isolation(60, 6)


@pytest.mark.parametrize("name", ["limitter", "make_all", "_connect"])
def test_what_nothing_is_made_of_is_refused(settings: Settings, name: str) -> None:
    given: Any = {name: None}

    with pytest.raises(TypeError, match=f"Services makes no '{name}'"):
        Services(settings, **given)


def test_everything_that_is_made_may_be_given_by_its_name_and_type() -> None:
    made = {
        name: get_type_hints(found.func)["return"]
        for name in dir(Services)
        if isinstance(found := getattr(Services, name), cached_property)
    }

    assert get_type_hints(Collaborators) == made

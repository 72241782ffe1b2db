"""What is made for a process from its settings, and what is given in place of that."""

from functools import cached_property
from typing import Any, get_type_hints

import pytest

from tablestore_memory.worker.failures.isolation import Isolation
from tablestore_memory.worker.qwen.rate_limit import Unlimited
from tablestore_memory.worker.services import Collaborators, Services
from tablestore_memory.worker.settings import Settings


def test_what_is_given_is_used_by_all_that_is_made(unconnected: Settings) -> None:
    limiter, isolation = Unlimited(), Isolation(30, 2)

    services = Services(unconnected, limiter=limiter, isolation=isolation)

    assert services.limiter is limiter
    assert services.isolation is services.ingest.isolation is isolation
    assert services.requests.attempt.isolation is isolation


def test_what_is_not_given_is_made_from_the_settings(unconnected: Settings) -> None:
    assert Services(unconnected, limiter=Unlimited()).isolation == Isolation(60, 6)


@pytest.mark.parametrize("name", ["limitter", "make_all", "_connect"])
def test_what_nothing_is_made_of_is_refused(unconnected: Settings, name: str) -> None:
    given: Any = {name: None}

    with pytest.raises(TypeError, match=f"Services makes no '{name}'"):
        Services(unconnected, **given)


def test_everything_that_is_made_may_be_given_by_its_name_and_type() -> None:
    made = {
        name: get_type_hints(found.func)["return"]
        for name in dir(Services)
        if isinstance(found := getattr(Services, name), cached_property)
    }

    assert get_type_hints(Collaborators) == made

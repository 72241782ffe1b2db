"""One list of URLs: what the publisher takes the worker takes, and each place has journals of its own."""

from itertools import combinations

import pytest

from tablestore_memory.producer.errors import BadSetting
from tablestore_memory.producer.settings import Settings as PublisherSettings
from tablestore_memory.producer.spool import target_directory
from tablestore_memory.protocol.redis_urls import SCHEMES, RedisUrl
from tablestore_memory.worker.settings import Settings as WorkerSettings
from tablestore_memory.worker.settings import SettingsError

WORKER = {
    "MEMORY_BROKER_URL": "redis://127.0.0.1:1/0",
    "TABLESTORE_ENDPOINT": "http://127.0.0.1:1",
    "TABLESTORE_INSTANCE_NAME": "local",
    "TABLESTORE_ACCESS_KEY_ID": "local",
    "TABLESTORE_ACCESS_KEY_SECRET": "local",
    "DASHSCOPE_API_KEY": "local",
}
GOOD = [
    "redis://h",
    "redis://user:p%40ss@h:6380/3?protocol=3",
    "rediss://:pw@h:6380/0",
    "unix:///run/redis.sock",
    "unix://user:pw@/run/redis.sock?db=3",
    "redis+cluster://a:1,b:2",
    "rediss+cluster://user:pw@a:1",
    "redis+sentinel://:pw@a:1,b:2/events/3?sentinel_password=hush",
    "rediss+sentinel://a/events",
]
BAD = {
    "http://user:hush@h": "must begin with one of redis://",
    "hush": "must begin with",
    "redis://user:hush@h:port/0": "a port that cannot be read",
    "redis://user:hush@[::1/0": "cannot be read",
    "redis://user:hush@h/events": "a database that is no number",
    "redis://user:hush@h?db=events": "a database that is no number",
    "redis+sentinel://user:hush@h": "names no service",
}


def test_every_scheme_is_shown_here() -> None:
    assert {url.partition("://")[0] for url in GOOD} == set(SCHEMES)


@pytest.mark.parametrize("url", GOOD)
def test_both_sides_take_it(url: str) -> None:
    assert PublisherSettings.resolve({"redis_url": url}, {}).redis_url == url
    assert WorkerSettings.from_env(WORKER | {"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("url", BAD)
def test_both_sides_refuse_it_and_say_why_without_the_password(url: str) -> None:
    with pytest.raises(BadSetting) as publishers:
        PublisherSettings.resolve({"redis_url": url}, {})
    with pytest.raises(SettingsError) as workers:
        WorkerSettings.from_env(WORKER | {"REDIS_URL": url})

    for text in (str(publishers.value), str(workers.value)):
        assert BAD[url] in text
        assert "hush" not in text


def test_url_is_taken_apart() -> None:
    url = RedisUrl.parse("redis+sentinel://ann:p%40ss@a:1,b/events/3?sentinel_password=hush")

    assert url.nodes == (("a", 1), ("b", 26379))
    assert (url.service, url.db, url.username, url.password) == ("events", 3, "ann", "p@ss")


SAME_PLACE = [
    ("redis://h", "redis://h:6379/0", "redis://H/?db=0", "redis://:new-password@h?protocol=3"),
    ("redis://ann:old@h", "redis://ann:new@h", "redis://h?username=ann&password=x"),
    ("redis://default:pw@h/1", "redis://h/1", "redis://h/2?db=1"),
    ("unix:///a.sock", "unix:///a.sock?db=0", "unix://:pw@/a.sock"),
    ("redis+cluster://a:1,b:2", "redis+cluster://b:2,a:1"),
    ("redis+sentinel://a,b/s", "redis+sentinel://b:26379,a/s/0"),
]
APART = [
    *("redis://h", "redis://h/1", "redis://h?db=2", "redis://h:6380", "redis://other"),
    *("rediss://h", "redis://ann@h", "redis://bob@h", "redis://h/1?username=ann"),
    *("unix:///a.sock", "unix:///b.sock", "unix:///a.sock?db=1", "unix://ann@/a.sock"),
    *("redis+cluster://h", "redis+cluster://h,other", "redis+cluster://ann@h"),
    *("redis+sentinel://h/s", "redis+sentinel://h/t", "redis+sentinel://h/s/1"),
    *("redis+sentinel://ann@h/s", "rediss+sentinel://h/s", "redis+sentinel://h:6379/s"),
]


@pytest.mark.parametrize("urls", SAME_PLACE)
def test_place_has_the_same_journals_however_it_is_written(urls: tuple[str, ...]) -> None:
    assert len({target_directory("d", url, "memory") for url in urls}) == 1


def test_no_two_places_share_their_journals() -> None:
    targets = {url: target_directory("d", url, "memory") for url in APART}

    shared = [pair for pair in combinations(APART, 2) if targets[pair[0]] == targets[pair[1]]]

    assert shared == []
    assert target_directory("d", "redis://h", "other") != targets["redis://h"]

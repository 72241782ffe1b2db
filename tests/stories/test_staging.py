"""Several deployments in one Tablestore instance, each with tables of its own, made wherever that was cut off."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tablestore as ots

from devtools.deployment import Deployment
from devtools.extraction import confirm_all, extract_all, said, store
from devtools.servers import wait_until
from tablestore_memory.worker.stores.message_index import MESSAGE_INDEX
from tablestore_memory.worker.stores.tables import MEMORY_INDEX, create_all
from tests.forgetting import forget

PRODUCTION = {
    "MEMORY_SESSION_TABLE": "agentscope_runtime_session",
    "MEMORY_MESSAGE_TABLE": "agentscope_runtime_message",
    "MEMORY_MEMORY_TABLE": "agentscope_runtime_memory",
    "MEMORY_HISTORY_TABLE": "agentscope_runtime_memory_history",
    "MEMORY_COST_TABLE": "agentscope_runtime_memory_cost",
    "MEMORY_AUDIT_TABLE": "agentscope_runtime_memory_audit",
}


@pytest.fixture(scope="module")
def staging(redis_url: str, tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    with Deployment(redis_url, tablestore_url, dashscope_url) as deployment:
        yield deployment


@pytest.fixture
def unmade(redis_url: str, tablestore_url: str, dashscope_url: str) -> Deployment:
    """Settings alone: its tables do not stand."""
    return Deployment(redis_url, tablestore_url, dashscope_url)


def names_of(deployment: Deployment) -> set[str]:
    """The tables and indexes of its own that stand."""
    client, names = deployment.services.tablestore, deployment.services.names
    standing = set(client.list_table())
    wanted = {names.session, names.message, names.memory, names.history}
    found = standing & (wanted | {names.session_index, names.message_index})
    for table in {names.memory, names.message} & standing:
        found |= {name for _, name in client.list_search_index(table)}
    return found


def test_staging_stands_beside_production_in_one_instance(
    staging: Deployment, redis_url: str, tablestore_url: str, dashscope_url: str
) -> None:
    with Deployment(redis_url, tablestore_url, dashscope_url, **PRODUCTION) as production:
        store(production, said("ana", "s", 1, "I like tea.", name="Ana"))
        store(staging, said("ana", "s", 1, "I like chess.", name="Ana"))

        for deployment in (production, staging):
            extract_all(deployment)
            assert confirm_all(deployment) == 0

    assert production.texts("ana") == ["Ana likes tea"]
    assert staging.texts("ana") == ["Ana likes chess"]
    assert len(names_of(production)) == len(names_of(staging)) == 8


def test_tenants_that_share_a_memory_table_know_nothing_of_each_other(
    staging: Deployment, fresh_name: str
) -> None:
    """Also of a user with the same id, who said the same."""
    with tenant(staging, "acme") as acme:
        for deployment in (staging, acme):
            live(deployment, said(fresh_name, f"{fresh_name}-s", 1, "I live in Paris.", name="Ana"))
        live(acme, said(fresh_name, f"{fresh_name}-s", 2, "I live in Lyon.", name="Ana"))
        live(acme, said(fresh_name, f"{fresh_name}-t", 3, "I like tea.", name="Ana"))

        assert everything(staging, fresh_name) == (["Ana lives in Paris"], [])
        assert everything(acme, fresh_name) == (
            ["Ana lives in Lyon", "Ana likes tea"],
            ["Ana lives in Paris"],
        )

        receipt = forget(acme, fresh_name)

        assert (receipt["memories"], receipt["history"]) == (2, 1)
        assert everything(acme, fresh_name) == ([], [])
        assert everything(staging, fresh_name) == (["Ana lives in Paris"], [])


def test_search_of_a_tenant_finds_its_own_memories_alone(
    staging: Deployment, fresh_name: str
) -> None:
    with tenant(staging, "acme") as acme:
        live(staging, said(fresh_name, f"{fresh_name}-s", 1, "I like tea.", name="Ana"))
        live(acme, said(fresh_name, f"{fresh_name}-s", 1, "I like green tea.", name="Ana"))

        for deployment, known in ((staging, "Ana likes tea"), (acme, "Ana likes green tea")):
            services = deployment.services
            (vector,) = services.qwen.embed(["tea"], query=True)
            found = services.memories.matching(fresh_name, "tea", 10)
            found += services.memories.nearest(fresh_name, vector, 10)
            assert {hit.memory.text for hit in found} == {known}


def tenant(other: Deployment, name: str) -> Deployment:
    """A deployment that shares the memory and history tables of another, under a tenant of its own."""
    names, servers = other.services.names, other.environment
    return Deployment(
        *(servers["REDIS_URL"], servers["TABLESTORE_ENDPOINT"]),
        servers["DASHSCOPE_HTTP_BASE_URL"],
        MEMORY_MEMORY_TABLE=names.memory,
        MEMORY_HISTORY_TABLE=names.history,
        MEMORY_TENANT=name,
    )


def live(deployment: Deployment, *lines: dict[str, Any]) -> None:
    """See it remembered and searchable."""
    store(deployment, *lines)
    extract_all(deployment)
    wait_until(lambda: confirm_all(deployment) == 0, "it is searchable")


def everything(deployment: Deployment, user: str) -> tuple[list[str], list[str]]:
    """What a deployment knows of a user, and what it replaced."""
    replaced = deployment.services.history.of_user(user)
    return deployment.texts(user), [entry.text for entry in replaced]


def without_table(name: str) -> Callable[[Deployment], None]:
    return lambda d: d.services.tablestore.delete_table(getattr(d.services.names, name))


def without_index(table: str) -> Callable[[Deployment], None]:
    def remove(deployment: Deployment) -> None:
        names = deployment.services.names
        deployment.services.tablestore.delete_secondary_index(
            getattr(names, table), getattr(names, f"{table}_index")
        )

    return remove


def without_search_index(table: str, index: str) -> Callable[[Deployment], None]:
    return lambda d: d.services.tablestore.delete_search_index(
        getattr(d.services.names, table), index
    )


def without_memories(deployment: Deployment) -> None:
    without_search_index("memory", MEMORY_INDEX)(deployment)
    without_table("memory")(deployment)


def without_messages(deployment: Deployment) -> None:
    without_search_index("message", MESSAGE_INDEX)(deployment)
    without_table("message")(deployment)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(without_table("session"), id="session"),
        pytest.param(without_index("session"), id="session index"),
        pytest.param(without_messages, id="message"),
        pytest.param(without_index("message"), id="message index"),
        pytest.param(without_memories, id="memory"),
        pytest.param(without_search_index("memory", MEMORY_INDEX), id="memory index"),
        pytest.param(without_search_index("message", MESSAGE_INDEX), id="words of messages"),
        pytest.param(without_table("history"), id="history"),
    ],
)
def test_init_makes_what_is_missing(staging: Deployment, cut: Callable[[Deployment], None]) -> None:
    whole = names_of(staging)
    cut(staging)
    assert names_of(staging) < whole

    create_all(
        staging.services.tablestore, staging.services.names, staging.settings.embedding_dimension
    )

    assert names_of(staging) == whole


def table_with_another_key(deployment: Deployment, name: str) -> None:
    meta = ots.TableMeta(name, [("id", "STRING")])
    throughput = ots.ReservedThroughput(ots.CapacityUnit(0, 0))
    deployment.services.tablestore.create_table(meta, ots.TableOptions(), throughput)


@pytest.mark.parametrize("table", ["session", "message", "memory", "history"])
def test_init_names_a_table_that_is_another_and_makes_nothing(
    unmade: Deployment, table: str
) -> None:
    name = getattr(unmade.services.names, table)
    table_with_another_key(unmade, name)

    answer = unmade.command("init")

    assert answer.returncode == 3
    assert f"table {name} has the key (id STRING) instead of (" in answer.stderr.decode()
    assert names_of(unmade) == {name}


@pytest.mark.parametrize("table", ["session", "message"])
def test_init_names_an_index_whose_name_is_taken(unmade: Deployment, table: str) -> None:
    index = getattr(unmade.services.names, f"{table}_index")
    table_with_another_key(unmade, index)

    answer = unmade.command("init")

    assert answer.returncode == 3
    assert f"{index}, the index of " in answer.stderr.decode()
    assert names_of(unmade) == {index}


def test_init_names_a_session_table_that_no_index_can_be_made_of(unmade: Deployment) -> None:
    names, client = unmade.services.names, unmade.services.tablestore
    meta = ots.TableMeta(names.session, [("user_id", "STRING"), ("session_id", "STRING")])
    client.create_table(meta, ots.TableOptions(), ots.ReservedThroughput(ots.CapacityUnit(0, 0)))

    answer = unmade.command("init")

    assert answer.returncode == 3
    assert "does not declare the column (update_time)" in answer.stderr.decode()


def test_init_names_an_index_with_another_key(unmade: Deployment) -> None:
    names, client = unmade.services.names, unmade.services.tablestore
    key = [("session_id", "STRING"), ("create_time", "INTEGER"), ("message_id", "STRING")]
    index = ots.SecondaryIndexMeta(
        names.message_index,
        ["session_id", "create_time", "message_id"],
        [],
        ots.SecondaryIndexType.LOCAL_INDEX,
    )
    client.create_table(
        ots.TableMeta(names.message, key),
        ots.TableOptions(),
        ots.ReservedThroughput(ots.CapacityUnit(0, 0)),
        secondary_indexes=[index],
    )

    answer = unmade.command("init")

    assert answer.returncode == 3
    assert f"index {names.message_index} has the key (session_id, create_time" in (
        answer.stderr.decode()
    )


def test_init_names_an_index_of_other_vectors(staging: Deployment) -> None:
    before = names_of(staging)
    other = Deployment(
        staging.environment["REDIS_URL"],
        staging.environment["TABLESTORE_ENDPOINT"],
        staging.environment["DASHSCOPE_HTTP_BASE_URL"],
        **{**staging.environment, "MEMORY_EMBEDDING_DIMENSION": "512"},
    )

    answer = other.command("init")

    assert answer.returncode == 3
    assert "has vectors of 256 floats instead of 512" in answer.stderr.decode()
    assert names_of(staging) == before

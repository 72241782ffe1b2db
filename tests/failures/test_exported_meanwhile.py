"""An export has what was there when it began, though the search index goes on while it is read."""

from typing import Any

from devtools.deployment import Deployment
from devtools.faults import Faults
from devtools.servers import wait_until
from tablestore_memory.worker.indexing.unindexed import MemoryRef
from tablestore_memory.worker.operations.kept import exported
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.write import write_all

A_PAGE = 100


def know(deployment: Deployment, user: str, *document_ids: str) -> None:
    services = deployment.services
    vector = [0.5] * deployment.settings.embedding_dimension
    memories = [Memory(user, f"Fact {each}.", document_id=each) for each in document_ids]
    services.unindexed.add(user, document_ids)
    write_all(services.tablestore, [services.memories.row(each, vector) for each in memories])


def shown(deployment: Deployment, user: str) -> int:
    return len(deployment.services.memories.of_user(user))


def test_memory_that_the_index_shows_once_its_page_was_read_is_in_it(
    undrained: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    services = undrained.services
    known = [f"{fresh_name}-{number:03}" for number in range(A_PAGE + 1)]
    know(undrained, fresh_name, *known)
    wait_until(lambda: shown(undrained, fresh_name) == len(known), "all but one are searchable")
    services.unindexed.forget(MemoryRef(fresh_name, each) for each in known)
    first = f"!{fresh_name}"  # before all others, in the order of the pages

    with Faults(faulty_tablestore_url).during("index-stop"):
        know(undrained, fresh_name, first)
        records = exported(services, fresh_name)
        told: list[dict[str, Any]] = [next(records) for _ in range(A_PAGE)]
    wait_until(lambda: shown(undrained, fresh_name) == len(known) + 1, "it is searchable, too")
    services.unindexed.forget([MemoryRef(fresh_name, first)])
    told += records

    texts = [record["text"] for record in told if record["record"] == "memory"]
    assert sorted(texts) == sorted(f"Fact {each}." for each in (first, *known))
    assert told[-1]["memory"] == len(texts)

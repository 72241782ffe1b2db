"""Plans as they stand in Redis: also those that an older worker left there."""

import msgspec
from redis import Redis

from tablestore_memory.worker.extract.facts import Found
from tablestore_memory.worker.extract.plans import Plans
from tablestore_memory.worker.sessions.due import member
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import state_streams
from tablestore_memory.worker.stores.memory import Memory, Source

# As the first prompts gave it: whole days, a confidence of the model's, one source.
OLDER_MEMORY = {
    "user_id": "ana",
    "text": "Ana adopted a dog on 2023-05-07.",
    "session_id": "s",
    "kind": "event",
    "subject": "Ana",
    "said_by": "Ana",
    "event_start": "2023-05-07",
    "event_end": None,
    "confidence": 0.95,
    "valid_from": 5,
    "stated_at": 5,
    "sources": [{"message_id": "m", "quote": "a dog", "session_id": "s", "received_ms": 7}],
    "model": "qwen-plus",
    "prompt_version": "facts_v1",
    "document_id": "d",
    "received_ms": 7,
}


def test_plan_of_an_older_worker_is_read_as_it_is(redis: Redis, fresh_name: str) -> None:
    streams = state_streams(fresh_name)
    found = {"memories": [OLDER_MEMORY], "skipped": []}
    older = {"since": 1, "through": 5, "found": found, "vectors": [[0.5]], "plan_id": "p"}
    key = Keys(streams).plans(streams.partition("s"))
    redis.hset(key, member("ana", "s"), msgspec.msgpack.encode([older | {"waited": 2}]))

    (plan,) = Plans(redis, streams).load("ana", "s")

    memory = Memory(
        *("ana", "Ana adopted a dog on 2023-05-07.", "s", "event", "Ana", "Ana", "2023-05-07"),
        confidence=0.95,
        valid_from=5,
        stated_at=5,
        sources=(Source("m", "a dog", "s", 7),),
        model="qwen-plus",
        prompt_version="facts_v1",
        document_id="d",
        received_ms=7,
    )
    assert plan.found == Found((memory,))
    assert (plan.since, plan.through, plan.waited, plan.plan_id) == (1, 5, 2, "p")
    assert [list(vector) for vector in plan.vectors or ()] == [[0.5]]

"""Whose it is, asked again when it is told: no index, no source and no set in Redis is believed about that."""

from collections.abc import Iterator

import pytest
import tablestore as ots

from devtools.deployment import Deployment
from devtools.faults import Faults
from devtools.servers import wait_until
from tablestore_memory.protocol.events import Message
from tablestore_memory.recall import Recall, Recalled
from tablestore_memory.worker.stores.memory import Memory, Source
from tablestore_memory.worker.stores.message_index import said_with
from tablestore_memory.worker.stores.rows import RowWrite, message_key, message_row, session_row
from tablestore_memory.worker.stores.write import write_all
from tests.foreign import give_session, say_unowned


@pytest.fixture
def deployment(undrained: Deployment) -> Deployment:
    return undrained


@pytest.fixture
def recall(deployment: Deployment) -> Iterator[Recall]:
    with Recall.from_env(deployment.environment) as recall:
        yield recall


def say(deployment: Deployment, user: str, session: str, stamp: int, text: str) -> None:
    """As a drain writes it, with its session."""
    names, message_id = deployment.services.names, f"{user}-{stamp}"
    event = Message(
        event_id=message_id,
        user_id=user,
        session_id=session,
        message_id=message_id,
        created_at=stamp,
        role="user",
        content=text,
    )
    write_all(
        deployment.services.tablestore,
        [message_row(names.message, event, 1), session_row(names.session, user, session, stamp)],
    )


def extracted(deployment: Deployment, user: str, session: str, through: int) -> None:
    """Nothing of it is fresh any more."""
    deployment.services.sessions.advance_watermark(user, session, 0, through)


def know(deployment: Deployment, user: str, text: str, *sources: Source) -> Memory:
    memory = Memory(user, text, "s", sources=sources, valid_from=1, stated_at=1).identified()
    vector = [0.5] * deployment.settings.embedding_dimension
    write_all(deployment.services.tablestore, [deployment.services.memories.row(memory, vector)])
    wait_until(lambda: deployment.services.memories.matching(user, text, 1), "searchable")
    return memory


def asked(recall: Recall, user: str, query: str = "tea") -> Recalled:
    found = recall(user_id=user, query=query, deadline_s=20)
    assert found.missing == ()
    return found


def turns(found: Recalled) -> list[str]:
    return [turn.text for turn in found.turns]


def test_source_that_names_the_message_of_another_user_tells_nothing_of_it(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    ana, bo, session = f"{fresh_name}-ana", f"{fresh_name}-bo", f"{fresh_name}-s"
    say(deployment, bo, session, 5, "Bo hides the money under the bed.")
    extracted(deployment, bo, session, 5)
    know(deployment, ana, "Ana likes tea.", Source(f"{bo}-5", "tea", session, 1, 5))

    found = asked(recall, ana)

    assert [memory.text for memory in found.memories] == ["Ana likes tea."]
    assert turns(found) == []


def test_two_users_who_name_a_session_alike_are_told_their_own_turns(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    ana, bo, session = f"{fresh_name}-ana", f"{fresh_name}-bo", f"{fresh_name}-s"
    say(deployment, ana, session, 5, "Ana drinks tea.")
    say(deployment, bo, session, 6, "Bo drinks tea, too.")
    say(deployment, ana, session, 7, "Ana has a cat.")
    for user in (ana, bo):
        extracted(deployment, user, session, 7)
        wait_until(lambda user=user: turns(asked(recall, user)), "told")  # type: ignore[misc]

    assert turns(asked(recall, ana)) == ["Ana drinks tea."]
    assert turns(asked(recall, bo)) == ["Bo drinks tea, too."]


def test_message_that_was_deleted_is_not_told_though_the_index_shows_it(
    deployment: Deployment, recall: Recall, fresh_name: str, faulty_tablestore_url: str
) -> None:
    services, names = deployment.services, deployment.services.names
    say(deployment, fresh_name, fresh_name, 5, "I drink tea.")
    extracted(deployment, fresh_name, fresh_name, 5)
    wait_until(lambda: turns(asked(recall, fresh_name)), "told")

    with Faults(faulty_tablestore_url).during("index-stop"):
        key = message_key(fresh_name, 5, f"{fresh_name}-5")
        write_all(services.tablestore, [RowWrite(names.message, key, (), kind="delete")])
        listed = said_with(services.tablestore, names.message, fresh_name, "tea", 1)
        found = asked(recall, fresh_name)

    assert len(listed) == 1
    assert turns(found) == []


def test_memory_that_became_another_users_is_not_told_though_the_index_shows_it(
    deployment: Deployment, recall: Recall, fresh_name: str, faulty_tablestore_url: str
) -> None:
    memory = know(deployment, fresh_name, f"{fresh_name} likes tea.")
    key = [("document_id", memory.document_id), ("tenant_id", "__default")]

    with Faults(faulty_tablestore_url).during("index-stop"):
        row = ots.Row(key, {"put": [("user_id", "bo"), ("text", "Bo likes tea.")]})
        anyway = ots.Condition(ots.RowExistenceExpectation.IGNORE)
        deployment.services.tablestore.update_row(deployment.services.names.memory, row, anyway)
        found = asked(recall, fresh_name)

    assert found.memories == ()


def test_set_in_redis_that_names_the_memory_of_another_user_tells_nothing_of_it(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    memory = know(deployment, f"{fresh_name}-bo", "Bo likes tea.")
    deployment.services.unindexed.add(fresh_name, [memory.document_id])

    assert asked(recall, fresh_name).memories == ()


def test_message_that_names_nobody_is_told_to_its_sessions_only_user(
    deployment: Deployment, recall: Recall, fresh_name: str
) -> None:
    ana, bo, session = f"{fresh_name}-ana", f"{fresh_name}-bo", f"{fresh_name}-s"
    give_session(deployment, ana, session)
    say_unowned(deployment, session, text="I drink tea.")

    alone = asked(recall, ana)
    say(deployment, bo, session, 6, "Bo is here, too.")
    together = asked(recall, ana)

    assert turns(alone) == ["I drink tea."]
    assert turns(together) == []

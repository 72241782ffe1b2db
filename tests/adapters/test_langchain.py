"""Chat histories of LangChain, stored by real workers."""

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from devtools.servers import wait_until
from tablestore_memory import Publisher, Recall
from tablestore_memory.adapters.errors import Unsupported
from tablestore_memory.adapters.langchain import TablestoreChatMessageHistory
from tests.in_cloud import Stored

CALL = {"id": "call_1", "name": "weather", "args": {"city": "Berlin"}, "type": "tool_call"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
SAID: list[BaseMessage] = [
    SystemMessage("You are helpful."),
    HumanMessage([{"type": "text", "text": "Where is this?"}, PICTURE], name="Mei"),
    AIMessage("", tool_calls=[CALL], id="run-1"),
    ToolMessage("21 °C in Berlin", tool_call_id="call_1"),
    AIMessage([{"type": "text", "text": "It is 21 °C."}], response_metadata={"model": "m"}),
]


def test_messages_are_there_at_once_and_for_another_process_as_they_were(
    publisher: Publisher, elsewhere: Publisher, recall: Recall, fresh_name: str, stored: Stored
) -> None:
    whose = (fresh_name, fresh_name)
    TablestoreChatMessageHistory(*whose, publisher=publisher, recall=recall).add_messages(SAID)

    own = TablestoreChatMessageHistory(*whose, publisher=publisher, recall=recall)
    other = TablestoreChatMessageHistory(*whose, publisher=elsewhere, recall=recall)

    assert own.messages == SAID
    rows = stored(*whose, len(SAID))
    assert other.messages == SAID
    roles = ["system", "user", "assistant", "tool", "assistant"]
    assert [row["role"] for row in rows] == roles
    assert rows[1]["speaker"] == "Mei"


async def test_last_messages_alone_are_read_if_so_wished(
    publisher: Publisher, recall: Recall, fresh_name: str
) -> None:
    whose = (fresh_name, fresh_name)
    history = TablestoreChatMessageHistory(*whose, publisher=publisher, recall=recall, last=2)

    await history.aadd_messages(SAID)

    assert await history.aget_messages() == SAID[-2:]


def test_cleared_history_is_empty_at_once_and_forgotten_for_all(
    publisher: Publisher, elsewhere: Publisher, recall: Recall, fresh_name: str, stored: Stored
) -> None:
    whose = (fresh_name, fresh_name)
    own = TablestoreChatMessageHistory(*whose, publisher=publisher, recall=recall)
    other = TablestoreChatMessageHistory(*whose, publisher=elsewhere, recall=recall)
    own.add_user_message("My code is 1234.")
    stored(*whose, 1)

    own.clear()

    assert own.messages == []
    wait_until(lambda: other.messages == [], "the session is forgotten")


def test_message_that_nobody_says_is_refused(
    publisher: Publisher, recall: Recall, fresh_name: str
) -> None:
    history = TablestoreChatMessageHistory(
        fresh_name, fresh_name, publisher=publisher, recall=recall
    )

    with pytest.raises(Unsupported, match="RemoveMessage"):
        history.add_messages([HumanMessage("Hi."), RemoveMessage(id="1")])

    assert history.messages == []


def test_what_another_publisher_said_is_read_as_its_text(
    publisher: Publisher, elsewhere: Publisher, recall: Recall, fresh_name: str, stored: Stored
) -> None:
    whose: Any = {"user_id": fresh_name, "session_id": fresh_name}
    elsewhere.message(**whose, role="user", content="Hi.")
    elsewhere.message(**whose, role="tool", content="21 °C", tool_call_id="call_1")
    elsewhere.message(**whose, role="assistant", content="Hello.")
    stored(fresh_name, fresh_name, 3)

    history = TablestoreChatMessageHistory(
        fresh_name, fresh_name, publisher=publisher, recall=recall
    )

    assert history.messages == [HumanMessage("Hi."), AIMessage("Hello.")]

"""AgentScope 2.x' own long-term memory middleware on our memory, in all of its modes."""

import runpy
from pathlib import Path
from typing import Any, Literal

import pytest
from agentscope.agent import Agent
from agentscope.message import TextBlock, ToolCallBlock, UserMsg
from agentscope.middleware import Mem0Middleware
from agentscope.tool import Toolkit

from devtools.servers import wait_until
from tablestore_memory import Publisher, Recall
from tablestore_memory.adapters.errors import Unsupported
from tablestore_memory.adapters.mem0 import Mem0Client
from tablestore_memory.producer.agentscope import PublishingMiddleware
from tests.agentscope2.test_middleware import Script
from tests.in_cloud import Stored

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "agentscope2_memory.py"
Mode = Literal["static_control", "agent_control", "both"]


async def friday(model: Script, user: str, client: Mem0Client, mode: Mode, *before: Any) -> Agent:
    memory = Mem0Middleware(user_id=user, client=client, mode=mode)
    return Agent(
        name="Friday",
        system_prompt="You are helpful.",
        model=model,
        toolkit=Toolkit(tools=await memory.list_tools()),
        middlewares=[*before, memory],
    )


def remembered(recall: Recall, user: str) -> list[str]:
    return sorted(each.text for each in recall.memories(user_id=user))


def shown(agent: Agent) -> str:
    """All that the agent has in mind."""
    return "\n".join(str(message.model_dump()) for message in agent.state.context)


async def test_static_control_shows_the_agent_what_is_known_and_publishes_the_exchange(
    publisher: Publisher, recall: Recall, stored: Stored, fresh_name: str
) -> None:
    publisher.remember(user_id=fresh_name, text="Ana is allergic to peanuts.")
    wait_until(lambda: remembered(recall, fresh_name), "the memory is searchable")
    client = Mem0Client(fresh_name, publisher=publisher, recall=recall)
    agent = await friday(Script([TextBlock(text="No.")]), fresh_name, client, "static_control")

    await agent.reply(UserMsg("Ana", "Are peanuts fine?"))

    assert "Ana is allergic to peanuts. (20" in shown(agent)
    rows = stored(fresh_name, fresh_name, 2)
    assert [(row["role"], row["text"]) for row in rows] == [
        ("user", "Are peanuts fine?"),
        ("assistant", "No."),
    ]


async def test_agent_control_searches_and_adds_when_the_agent_wants_it(
    publisher: Publisher, recall: Recall, fresh_name: str
) -> None:
    publisher.remember(user_id=fresh_name, text="Ana is allergic to peanuts.")
    wait_until(lambda: remembered(recall, fresh_name), "the memory is searchable")
    client = Mem0Client(published=True, publisher=publisher, recall=recall)
    search = ToolCallBlock(id="c1", name="search_memory", input='{"keywords": ["peanuts"]}')
    adding = '{"thinking": "worth it", "content": ["Ana likes tea.", "Ana plays chess."]}'
    add = ToolCallBlock(id="c2", name="add_memory", input=adding)
    model = Script([search], [add], [TextBlock(text="Done.")])
    agent = await friday(model, fresh_name, client, "agent_control")

    await agent.reply(UserMsg("Ana", "Are peanuts fine? And I like tea and chess."))

    assert "Ana is allergic to peanuts. (20" in shown(agent)
    assert "Successfully recorded" in shown(agent)
    wait_until(
        lambda: len(remembered(recall, fresh_name)) == 3, "both lines are remembered as they are"
    )
    texts = ["Ana is allergic to peanuts.", "Ana likes tea.", "Ana plays chess."]
    assert remembered(recall, fresh_name) == texts


async def test_both_beside_the_publishing_middleware_stores_each_message_once(
    publisher: Publisher, recall: Recall, stored: Stored, fresh_name: str
) -> None:
    publisher.remember(user_id=fresh_name, text="Ana is allergic to peanuts.")
    wait_until(lambda: remembered(recall, fresh_name), "the memory is searchable")
    client = Mem0Client(published=True, publisher=publisher, recall=recall)
    publishing = PublishingMiddleware(fresh_name, fresh_name, publisher=publisher)
    agent = await friday(Script([TextBlock(text="No.")]), fresh_name, client, "both", publishing)

    await agent.reply(UserMsg("Ana", "Are peanuts fine?"))
    publisher.message(
        user_id=fresh_name, session_id=fresh_name, role="user", content="That is all."
    )

    assert "Ana is allergic to peanuts. (20" in shown(agent)
    rows = stored(fresh_name, fresh_name, 3)
    assert [row["text"] for row in rows] == ["Are peanuts fine?", "No.", "That is all."]


@pytest.mark.parametrize("more", [{"filters": {"agent_id": "a"}}, {"threshold": 0.5}])
async def test_what_memories_do_not_have_is_refused(
    more: dict[str, Any], publisher: Publisher, recall: Recall, fresh_name: str
) -> None:
    client = Mem0Client(published=True, publisher=publisher, recall=recall)
    filters = {"user_id": fresh_name, **more.pop("filters", {})}

    with pytest.raises(Unsupported):
        await client.search("tea", filters=filters, **more)


@pytest.mark.parametrize("both", [{}, {"session_id": "s1", "published": True}])
def test_client_that_nobody_or_everybody_publishes_for_is_refused(
    both: dict[str, Any], publisher: Publisher
) -> None:
    with pytest.raises(ValueError, match="either session_id"):
        Mem0Client(**both, publisher=publisher)


async def test_example_shows_what_it_promises(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    example = runpy.run_path(str(EXAMPLE))
    monkeypatch.setenv("MEMORY_RECALL_DEADLINE_S", "10")

    await example["main"]()

    assert "No satay: you are allergic to peanuts." in capsys.readouterr().out

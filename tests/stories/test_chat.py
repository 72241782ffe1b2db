"""`examples/chat.py` as a person uses it: in a terminal, on real workers and the local cloud."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pexpect
import pytest

from devtools.deployment import Deployment
from devtools.servers import Server, wait_until

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-agentscope" / "bin" / "python"
PROMPT = "you> "
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SPINNER = re.compile("[\u2800-\u28ff]")
STARTS_S = 60


WRONG = (
    ("/nonsense", "! unknown command /nonsense; /help lists them"),
    ("/load", "! usage: /load <id>"),
    ("/load nowhere", "! no session 'nowhere'; /sessions lists them"),
    ("/remember", "! usage: /remember <content>"),
    ("/new now", "! usage: /new"),
    ("/[bold]", "! unknown command /[bold]; /help lists them"),
)


class Terminal:
    """The chat in a pseudo-terminal of 40 rows and 200 columns."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        assert PYTHON.exists(), f"{PYTHON} is missing: `make {PYTHON.parents[1].name}/.installed`"
        self.child = pexpect.spawn(
            str(PYTHON),
            ["examples/chat.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment, "TERM": "xterm"},
            dimensions=(40, 200),
            encoding="utf-8",
            timeout=30,
        )
        self.greeting = ""

    def __enter__(self) -> Self:
        self.greeting = self._until_prompt(STARTS_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.child.close(force=True)

    def ask(self, line: str) -> str:
        """What it answers to a line."""
        self.child.sendline(line)
        self.child.expect_exact(line)
        return self._until_prompt()

    def end(self) -> str:
        """What it says until it has ended with exit code 0."""
        text = self.rest()
        assert self.child.exitstatus == 0, text
        return text

    def rest(self) -> str:
        self.child.expect(pexpect.EOF)
        text = plain(str(self.child.before))
        self.child.close()
        assert "Traceback" not in text
        return text

    def _until_prompt(self, timeout_s: int = 30) -> str:
        self.child.expect_exact(PROMPT, timeout=timeout_s)
        text = plain(str(self.child.before))
        assert "Traceback" not in text
        return text


def plain(text: str) -> str:
    """Without colours and without the spinner, which is erased when it is done."""
    lines = (line.rsplit("\r", 1)[-1] for line in COLOURS.sub("", text).split("\r\n"))
    return "\n".join(line for line in lines if not SPINNER.match(line)).strip()


def interrupt(child: "pexpect.spawn[str]") -> None:
    """Press Ctrl-C as people do: again if nothing comes of it. Python misses one that falls between
    its printing a prompt and its waiting for a line."""
    for _ in range(5):
        child.sendintr()
        if child.expect(["everything is delivered", pexpect.TIMEOUT], timeout=10) == 0:
            return
    raise AssertionError(f"Ctrl-C did not end it:\n{plain(str(child.before))}")


@pytest.fixture(scope="module")
def tablestore() -> Iterator[Server]:
    with Server.start("tablestore", "--data", ":memory:", "--index-lag", "0.3-0.9") as server:
        yield server


@pytest.fixture(scope="module")
def environment(
    tablestore: Server,
    redis_url: str,
    dashscope_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """Workers on tables of AgentScope's names, with the model that it embeds with."""
    kinds = ("session", "message", "memory", "memory_history")
    variables = ("SESSION", "MESSAGE", "MEMORY", "HISTORY")
    deployment = Deployment(
        redis_url,
        tablestore.url,
        dashscope_url,
        MEMORY_EMBEDDING_MODEL="text-embedding-v1",
        MEMORY_EMBEDDING_DIMENSION="1536",
        MEMORY_JOURNAL_DIR=str(tmp_path_factory.mktemp("journals")),
        **{
            f"MEMORY_{variable}_TABLE": f"agentscope_runtime_{kind}"
            for variable, kind in zip(variables, kinds, strict=True)
        },
    )
    with deployment:
        deployment.start_workers()
        yield deployment.environment


def session_of(text: str) -> str:
    found = re.search(r"session ([0-9a-f-]{36})", text)
    assert found, text
    return found[1]


def remembered(terminal: Terminal, words: str) -> str:
    """What /memories answers, once it names these words."""
    return wait_until(
        lambda: next((text for text in [terminal.ask("/memories")] if words in text), ""),
        f"{words!r} among the memories",
    )


def test_every_command_works_twice_and_what_was_said_is_remembered_in_the_next_session(
    environment: dict[str, str], fresh_name: str
) -> None:
    with Terminal(environment, "--user", fresh_name) as chat:
        first = session_of(chat.greeting)
        for _ in range(2):
            helped = chat.ask("/help")
            assert all(name in helped for name in ("/new", "/load <id>", "/remember <content>"))
        assert "nothing yet" in chat.ask("/memories")
        assert chat.ask("/sessions") == f"* {first}"
        assert "0 messages" in chat.ask("/history")
        for line, answer in WRONG:
            assert chat.ask(line) == answer

        assert "qwen> " in chat.ask("I am allergic to peanuts.")
        assert "2 messages" in (history := chat.ask("/history"))
        assert "you> I am allergic to peanuts." in history

        second = session_of(chat.ask("/new"))
        assert set(chat.ask("/sessions").split()) == {first, second, "*"}
        remembered(chat, "peanuts")
        assert "peanuts" in chat.ask("What am I allergic to?")

        assert chat.ask("/remember My cat is called Tom.") == "remembered"
        assert "My cat is called Tom." in chat.ask("/memories")
        assert chat.ask("/remember 我喜欢绿茶。") == "remembered"
        assert "我喜欢绿茶。" in chat.ask("/memories")

        assert "you> I am allergic to peanuts." in chat.ask(f"/load {first}")
        assert "What am I allergic to?" in chat.ask(f"/load {second}")
        third = session_of(chat.ask("/new"))
        assert third not in (first, second)
        chat.child.sendline("/quit")
        assert "everything is delivered" in chat.end()

    with Terminal(environment, "--user", fresh_name) as chat:
        listed = chat.ask("/sessions")
        assert {first, second, third} < set(listed.split())
        assert "Tom" in chat.ask("What is my cat called?")
        chat.child.sendline("/quit")
        assert "everything is delivered" in chat.end()


def test_services_that_are_away_cost_one_line_each_and_ctrl_d_keeps_what_was_said(
    environment: dict[str, str], fresh_name: str
) -> None:
    away = {
        "DASHSCOPE_HTTP_BASE_URL": "http://127.0.0.1:9/api/v1",
        "REDIS_URL": "redis://127.0.0.1:9/0",
    }
    with Terminal(environment | away, "--user", fresh_name) as chat:
        answer = chat.ask("hello?")

        assert "127.0.0.1" in answer
        assert [line[:2] for line in answer.splitlines()] == ["! ", "! "], answer
        assert "you> hello?" in chat.ask("/history")
        chat.child.sendeof()
        assert "2 events wait in the journal" in chat.end()


def test_tablestore_away_at_the_start_is_one_line(environment: dict[str, str]) -> None:
    chat = Terminal(environment | {"TABLESTORE_ENDPOINT": "http://127.0.0.1:9"})

    text = chat.rest()

    assert text.splitlines()[-1].startswith("! Tablestore does not answer: ")
    assert chat.child.exitstatus == 3


@pytest.mark.timeout(240)  # it starts and ends seven processes
def test_make_chat_starts_it_on_a_local_cloud_and_ctrl_c_ends_all_of_it(
    tmp_path: Path,
) -> None:
    child = pexpect.spawn(
        "make",
        ["chat", f"DATA={tmp_path}", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        encoding="utf-8",
        timeout=100,
        dimensions=(40, 200),
    )
    child.expect_exact(PROMPT)
    child.sendline("I live in Hamburg.")
    child.expect_exact(PROMPT)

    interrupt(child)

    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0

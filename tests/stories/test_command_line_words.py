"""What the command line says: the right advice, nothing secret, nothing that takes over a terminal."""

import json
from collections.abc import Iterator

import pytest

from devtools.commands import memory_worker
from devtools.deployment import Deployment
from devtools.extraction import confirm_all
from tablestore_memory.protocol.events import Remember, encode
from tablestore_memory.worker.state.dead_letters import DeadLetter
from tests.failures.ingesting import SHARED_TABLES, append, drain_all, malformed, message

NOBODY = "127.0.0.1:9"  # the discard port: nothing listens
CLIPBOARD, CLEAR, CSI, BELL = "\x1b]52;c;aGk=\x07", "\x1b[2J", "\x9b2J", "\x07"
HOSTILE = f"a{CLIPBOARD}b{CLEAR}c{CSI}d{BELL}e\x7f\r"
SAID = "a secret that only mei knows"


@pytest.fixture(scope="module")
def idle(redis_url: str, tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    """A deployment without workers; drains and requests are carried out in the test."""
    with Deployment(redis_url, tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        yield deployment


def remembered(deployment: Deployment, user: str, text: str) -> None:
    append(
        deployment, 1, encode(Remember(event_id=user, user_id=user, text=text, created_at=10**15))
    )
    drain_all(deployment, 1)
    assert deployment.services.requests.process(1) == 1
    assert confirm_all(deployment) == 0


@pytest.mark.parametrize(
    ("variables", "command", "code", "wanted"),
    [
        (
            {"MEMORY_EMBEDDING_MODEL": "nothing-of-the-kind"},
            ("search", "u", "tea"),
            3,
            "check MEMORY_EMBEDDING_MODEL and MEMORY_EMBEDDING_DIMENSION",
        ),
        (
            {"MEMORY_EMBEDDING_DIMENSION": "512"},
            ("search", "u", "tea"),
            3,
            "check MEMORY_EMBEDDING_MODEL and MEMORY_EMBEDDING_DIMENSION: the index was made",
        ),
        ({"DASHSCOPE_API_KEY": "wrong"}, ("search", "u", "tea"), 3, "check DASHSCOPE_API_KEY"),
        ({}, ("search", "u", "  "), 2, "query: nothing to look for"),
        ({}, ("sessions", "u" * 2000), 2, "user: an id has 1 to 1024 bytes, this one 2000"),
        ({}, ("messages", "u", ""), 2, "session: an id has 1 to 1024 bytes, this one 0"),
        ({}, ("prompts", "show", "--user", "nobody", "--session", "s"), 2, "no user nobody"),
        ({}, ("dead", "list", "--queue", "garbage"), 2, "--queue: must be one of ingest, "),
        ({}, ("replay", "--since", "garbage"), 2, "--since: must be a date"),
        ({"MEMORY_IDLE_S": "-1", "REDIS_URL": "x"}, ("sessions", "u"), 2, "MEMORY_IDLE_S: "),
        (
            {"REDIS_URL": "http://hush"},
            ("status",),
            2,
            "REDIS_URL: must begin with one of redis://",
        ),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_error_is_one_line_with_the_right_advice(
    idle: Deployment, variables: dict[str, str], command: tuple[str, ...], code: int, wanted: str
) -> None:
    answer = memory_worker(idle.environment | variables, *command)

    said = answer.stderr.decode()
    assert answer.returncode == code, said
    assert wanted in said
    assert said.startswith("memory-worker: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "variables",
    [
        {"REDIS_URL": f"redis://me:hush@{NOBODY}/0?password=hush"},
        {"REDIS_URL": f"redis+sentinel://{NOBODY}/events/0?sentinel_password=hush&password=hush"},
        {"REDIS_URL": f"rediss://{NOBODY}/0?ssl_cert_reqs=none&password=hush"},
    ],
    ids=["redis", "sentinel", "tls"],
)
def test_of_a_url_host_and_port_are_shown_and_no_more(
    idle: Deployment, variables: dict[str, str]
) -> None:
    answer = memory_worker(idle.environment | variables, "status")

    said = answer.stderr.decode()
    assert answer.returncode == 3, said
    assert f"Redis at {NOBODY} does not" in said
    assert "hush" not in said


def test_endpoint_is_shown_without_its_password(idle: Deployment) -> None:
    variables = {"TABLESTORE_ENDPOINT": f"http://me:hush@{NOBODY}"}

    answer = memory_worker(idle.environment | variables, "sessions", "u")

    said = answer.stderr.decode()
    assert answer.returncode == 2
    assert "TABLESTORE_ENDPOINT: must have no user, password or query" in said
    assert "hush" not in said


@pytest.fixture(scope="module")
def hostile(idle: Deployment) -> dict[str, str]:
    """A user whose id, messages and memory hold commands to a terminal, and a dead letter of theirs."""
    user = f"mallory{CLEAR}{CSI}"
    append(idle, 0, message(user, 1, HOSTILE), malformed(user, 2))
    drain_all(idle, 0)
    remembered(idle, user, HOSTILE)
    return {"user": user, "letter": letter_of(idle, user).name}


def letter_of(deployment: Deployment, user: str) -> DeadLetter:
    (letter,) = [
        le for le in deployment.services.dead.all() if json.loads(le.event)["user_id"] == user
    ]
    return letter


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["people", "machines"])
@pytest.mark.parametrize(
    "command",
    [
        "sessions {user}",
        "messages {user} {user}",
        "memories {user}",
        "search {user} a",
        "history {user}",
        "extract {user}",
        "prompts show --user {user} --session {user}",
        "prompts show --user {user} --session nothing{user}",
        "dead list",
        "dead show {letter} --text",
        "dead show {user}",
    ],
)
def test_no_control_character_of_a_user_reaches_the_terminal(
    idle: Deployment, hostile: dict[str, str], command: str, flags: tuple[str, ...]
) -> None:
    arguments = [word.format(**hostile) for word in command.split()]

    answer = idle.command(*arguments, *flags)

    printed = (answer.stdout + answer.stderr).decode()
    assert printed
    assert not {c for c in printed if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0} - {"\n"}
    assert "Traceback" not in printed


def test_control_characters_are_shown_to_people_and_kept_for_machines(
    idle: Deployment, hostile: dict[str, str]
) -> None:
    user = hostile["user"]

    shown = idle.command("messages", user, user).stdout.decode()
    (stored,) = json.loads(idle.command("messages", user, user, "--json").stdout)

    assert "\\x1b[2J" in shown
    assert stored["text"] == HOSTILE


def test_dead_letters_show_what_was_said_only_when_asked(idle: Deployment, fresh_name: str) -> None:
    append(idle, 0, malformed(fresh_name, 1, SAID))
    drain_all(idle, 0)
    letter = letter_of(idle, fresh_name)

    listed = idle.command("dead", "list", "--json").stdout
    shown = idle.command("dead", "show", letter.name, "--json").stdout
    asked = idle.command("dead", "show", letter.name, "--json", "--text").stdout

    assert SAID.encode() not in listed + shown
    assert json.loads(shown)["session_id"] == fresh_name
    assert json.loads(shown)["bytes"] > len(SAID)
    assert SAID in json.loads(asked)["event"]


def test_remember_answers_machines_and_search_tells_scores(
    idle: Deployment, fresh_name: str
) -> None:
    remembered(idle, fresh_name, "My cat is called Tom.")

    told = json.loads(idle.command("remember", fresh_name, "Be brief.", "--json").stdout)
    (found,) = json.loads(idle.command("search", fresh_name, "the cat", "--json").stdout)
    for_people = idle.command("memories", fresh_name).stdout.decode()

    assert told["event_id"]
    assert found["text"] == "My cat is called Tom."
    assert 0 < found["score"] <= 1
    assert f"1 memory of {fresh_name}" in for_people

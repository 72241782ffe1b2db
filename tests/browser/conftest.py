"""A deployment with real data, its page, and a real browser: runs where the extra `browser` is installed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.child import Child
from devtools.deployment import Deployment
from tablestore_memory.worker.state.dead_letters import INGEST
from tests.memory_server import ALL, memory_server, url_of

try:
    from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
except ImportError:
    collect_ignore_glob = ["test_*.py"]
else:
    # A page asks for itself again every five seconds, and others use the machine.
    expect.set_options(timeout=20_000)

PROGRAMS = ("chromium", "google-chrome")
CONVERSATION = Path(__file__).parents[2] / "examples" / "conversation.jsonl"
SCRIPT = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"


@pytest.fixture(scope="session")
def server(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """Of a deployment in which people talked, and somebody tried to bring in a script."""
    with memory_server(deployment.environment, tmp_path_factory.mktemp("journal")) as server:
        deployment.publish(*map(json.loads, CONVERSATION.read_text(encoding="utf-8").splitlines()))
        event = {"type": "message", "user_id": SCRIPT, "session_id": "s", "content": SCRIPT}
        deployment.services.dead.add(
            0,
            event=json.dumps(event).encode(),
            reason=f"role: missing {SCRIPT}",
            queue=INGEST,
            error="MalformedEvent",
        )
        deployment.wait()
        yield server


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """That of the system: another is not asked for."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, f"one of {', '.join(PROGRAMS)} has to be installed"
    with sync_playwright() as playwright:
        # Without the sandbox, which a container may not have: all that it opens is ours.
        yield playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture(scope="session")
def logged_in(chromium: "Browser", server: Child) -> Any:
    """What a browser keeps of somebody who came in by a token."""
    with chromium.new_context(base_url=url_of(server)) as context:
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Token").fill(ALL)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Overview").wait_for()
        return context.storage_state()


@pytest.fixture
def context(chromium: "Browser", server: Child, logged_in: Any) -> Iterator["BrowserContext"]:
    """A browser's profile of its own, of somebody who is in, with the server's address."""
    with chromium.new_context(
        base_url=url_of(server),
        storage_state=logged_in,
        viewport={"width": 1100, "height": 800},
        reduced_motion="reduce",
    ) as context:
        context.set_default_timeout(20_000)
        yield context


@pytest.fixture
def page(context: "BrowserContext") -> "Page":
    """With the overview open."""
    page = context.new_page()
    page.goto("/")
    page.get_by_role("heading", name="Overview").wait_for()
    return page


@pytest.fixture
def complaints(page: "Page") -> list[str]:
    """What the browser says against a page: errors of scripts, what its policy refuses, what was not found."""
    heard: list[str] = []

    def console(message: Any) -> None:
        if message.type in ("error", "warning"):
            heard.append(message.text)

    page.on("console", console)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard

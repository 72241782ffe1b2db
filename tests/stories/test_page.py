"""The page, told as stories: a real server, asked as a browser asks, and as nobody should be able to ask."""

import re
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

import httpx2
import msgspec
import pytest

from devtools.child import Child
from devtools.deployment import Deployment
from devtools.servers import Server
from tablestore_memory.server.page.table import PAGES
from tablestore_memory.worker.costs.ledger import today
from tablestore_memory.worker.costs.unbooked import Deed, named
from tablestore_memory.worker.state.dead_letters import EXTRACT, INGEST, DeadLetter
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS
from tablestore_memory.worker.stores.costs import EVERYBODY, Spent
from tablestore_memory.worker.stores.write import write_all
from tests.failures.ingesting import SHARED_TABLES
from tests.memory_server import ALL, memory_server, problem, token_of
from tests.page import browser, link_of, visitor

ANA = "ana-of-the-page"
SCRIPT = "<script>document.title = 'taken'</script>"
READING = sorted({page.path for page in PAGES if not page.writes})
WRITING = sorted({page.path for page in PAGES if page.writes})
SECRETS = {"TABLESTORE_STS_TOKEN": "sts-that-nobody-may-see"}
# Its pages may ask the API.
WELCOME = "https://app.example.com"


@pytest.fixture(scope="module")
def deployment(tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    """Without workers: what is in the way stays there."""
    with (
        Server.start("redis", "--appendonly", "no") as redis,
        Deployment(redis.url, tablestore_url, dashscope_url, **SHARED_TABLES) as deployment,
    ):
        yield deployment


@pytest.fixture(scope="module")
def server(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    journals = tmp_path_factory.mktemp("journal")
    with memory_server(
        deployment.environment, journals, ANA, MEMORY_SERVER_ORIGINS=WELCOME, **SECRETS
    ) as server:
        yield server


@pytest.fixture(scope="module")
def strict(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A server whose page only reads, and whose link is good for a moment."""
    settings = {"MEMORY_PAGE_READ_ONLY": "true", "MEMORY_PAGE_LINK_S": "0.001"}
    journals = tmp_path_factory.mktemp("journal")
    with memory_server(deployment.environment, journals, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def page(server: Child) -> Iterator[httpx2.Client]:
    with visitor(server, ALL) as http:
        yield http


@pytest.fixture
def letter(deployment: Deployment, fresh_name: str) -> Iterator[DeadLetter]:
    """With a script in its text, its ids and its reason."""
    event = {"type": "message", "user_id": f"{fresh_name}{SCRIPT}", "content": f"喝茶 {SCRIPT}"}
    yield dead_letter(deployment, msgspec.json.encode(event), f"{fresh_name}: {SCRIPT}")
    for left in deployment.services.dead.all():
        deployment.services.dead.discard(left)


def dead_letter(deployment: Deployment, event: bytes, reason: str) -> DeadLetter:
    dead = deployment.services.dead
    dead.add(0, event=event, reason=reason, queue=INGEST, error="MalformedEvent")
    (added,) = [each for each in dead.all() if each.reason == reason and each.event == event]
    return added


def deeds(deployment: Deployment, command: str) -> list[Deed]:
    """What was noted and no worker has made a row of."""
    services = deployment.services
    unbooked = (
        services.redis.zrange(services.keys.unbooked(p), 0, -1) for p in range(STATE_PARTITIONS)
    )
    noted = [named(name) for names in unbooked for name in cast(list[bytes], names)]
    return [deed for deed in noted if isinstance(deed, Deed) and deed.command == command]


# Coming in


def test_login_link_opens_the_page_once(server: Child) -> None:
    with browser(server) as first, browser(server) as second:
        opened = first.get(link_of(server))
        again = second.get(link_of(server))

        assert opened.status_code == 200
        assert first.get("/").status_code == 200
        assert again.status_code == 403
        assert "This link was used, or it is too old." in again.text
        assert not second.cookies
        assert second.get("/").status_code == 401


def test_login_link_is_refused_when_its_time_is_over(strict: Child) -> None:
    with browser(strict) as late:
        answer = late.get(link_of(strict))

        assert answer.status_code == 403
        assert not late.cookies


def test_cookie_is_kept_from_scripts_and_other_sites_and_ends(server: Child) -> None:
    with browser(server) as http:
        plain = http.post("/login", data={"token": ALL}).headers["set-cookie"]
        behind_tls = http.post(
            "/login", data={"token": ALL}, headers={"X-Forwarded-Proto": "https"}
        ).headers["set-cookie"]

    flags = {flag.strip().lower() for flag in plain.split(";")[1:]}
    assert flags == {"httponly", "samesite=strict", "path=/", "max-age=43200"}
    assert "secure" in behind_tls.lower()


def test_who_went_out_does_not_come_in_by_the_old_cookie(server: Child) -> None:
    with visitor(server, ALL) as http, browser(server) as another:
        another.cookies.update(http.cookies)

        http.post("/logout")

        assert another.get("/").status_code == 401


@pytest.mark.parametrize("token", [token_of(ANA), "token-that-opens-nothing", ""])
def test_token_of_one_user_and_one_of_nobody_open_no_page(server: Child, token: str) -> None:
    with browser(server) as http:
        answer = http.post("/login", data={"token": token})
        by_header = http.get("/", headers={"Authorization": f"Bearer {token_of(ANA)}"})

        assert answer.status_code in (401, 403)
        assert "does not open the page" in answer.text
        assert not http.cookies
        assert by_header.status_code == 401


@pytest.mark.parametrize("path", [*READING, *WRITING])
def test_no_page_is_shown_to_who_is_not_in(server: Child, path: str) -> None:
    with browser(server) as http:
        answer = http.get(path)

    assert answer.status_code == 401
    assert "<h1>Log in</h1>" in answer.text


# Forged


@pytest.mark.parametrize("path", ["/login", "/logout", *WRITING])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", WELCOME, "http://127.0.0.1:1", "null", None]
)
def test_what_another_page_sends_is_refused(
    page: httpx2.Client, letter: DeadLetter, deployment: Deployment, path: str, origin: str | None
) -> None:
    request = page.build_request("POST", path, data={"name": letter.name, "token": ALL})
    del request.headers["Origin"]
    if origin:
        request.headers["Origin"] = origin

    answer = page.send(request)

    assert answer.status_code == 403
    assert deployment.services.dead.get(letter.name) == letter
    assert page.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/login", "/static/page.css"])
def test_page_under_a_forged_name_is_refused(page: httpx2.Client, path: str) -> None:
    answer = page.get(path, headers={"Host": "evil.example"})

    assert problem(answer)["title"] == "Wrong host"


@pytest.mark.parametrize(
    "path", [*READING, *WRITING, "/login", "/login?key=x", "/static/page.js", "/static/page.css"]
)
def test_browser_is_told_to_run_nothing_that_stands_in_a_page_and_to_keep_nothing(
    page: httpx2.Client, path: str
) -> None:
    answer = page.get(path)

    policy = dict(
        each.strip().split(" ", 1) for each in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|<script(?! src=)|\sstyle=|\son\w+=", answer.text)


def test_script_in_a_dead_letter_is_text(page: httpx2.Client, letter: DeadLetter) -> None:
    pages = [
        page.get("/dead-letters").text,
        page.get("/dead-letters/letter", params={"name": letter.name}).text,
        page.get("/dead-letters/retry", params={"reason": letter.reason}).text,
    ]

    for html in pages:
        assert "<script>" not in html
        assert "&lt;script&gt;document.title" in html
    assert 'lang="zh-Hans"' in pages[1]


# What is done


def test_dead_letter_is_retried_after_a_question_and_that_is_noted(
    page: httpx2.Client, letter: DeadLetter, deployment: Deployment
) -> None:
    services = deployment.services
    before = services.redis.xlen(services.keys.events(letter.partition))

    asked = page.get("/dead-letters/retry", params={"name": letter.name})
    untouched = services.dead.get(letter.name)
    done = page.post("/dead-letters/retry", data={"name": letter.name}, follow_redirects=True)

    assert "Put back into the queue: 1 dead letter?" in asked.text
    assert untouched == letter
    assert "Put back into their queues: 1" in done.text
    assert services.dead.get(letter.name) is None
    assert services.redis.xlen(services.keys.events(letter.partition)) == before + 1
    (noted,) = [deed for deed in deeds(deployment, "dead retry") if SCRIPT in deed.user_id]
    assert noted.by == "page:all"


def test_dead_letter_that_cannot_be_retried_is_told_and_stays(
    page: httpx2.Client, deployment: Deployment
) -> None:
    deployment.services.dead.add(0, event=b"-", reason="unreadable", queue=EXTRACT)

    done = page.post("/dead-letters/retry", data={"reason": "unreadable"}, follow_redirects=True)

    assert "Put back into their queues: 0" in done.text
    assert "They can only be discarded." in done.text
    assert "unreadable" in [letter.reason for letter in deployment.services.dead.all()]


def test_dead_letters_are_discarded_by_their_reason_and_others_stay(
    page: httpx2.Client, letter: DeadLetter, deployment: Deployment
) -> None:
    others = [dead_letter(deployment, b"%d" % n, "another") for n in range(3)]

    asked = page.get("/dead-letters/discard", params={"reason": "another"})
    page.post("/dead-letters/discard", data={"reason": "another"})

    assert "Delete for good: 3 dead letters?" in asked.text
    assert all(deployment.services.dead.get(each.name) is None for each in others)
    assert deployment.services.dead.get(letter.name) == letter
    assert len(deeds(deployment, "dead discard")) == 3


def test_reading_a_dead_letter_is_noted(
    page: httpx2.Client, letter: DeadLetter, deployment: Deployment
) -> None:
    before = len(deeds(deployment, "dead show"))

    page.get("/dead-letters")
    page.get("/dead-letters/letter", params={"name": letter.name})

    assert len(deeds(deployment, "dead show")) == before + 1


def test_page_that_only_reads_neither_shows_nor_takes_what_changes_something(
    strict: Child, letter: DeadLetter, deployment: Deployment
) -> None:
    with visitor(strict, ALL) as http:
        shown = [
            http.get("/dead-letters").text,
            http.get("/dead-letters/letter", params={"name": letter.name}).text,
        ]
        answers = [
            http.request(method, path, params={"name": letter.name})
            for path in WRITING
            for method in ("GET", "POST")
        ]

    for html in shown:
        assert letter.name in html
        assert not [path for path in WRITING if path in html]
    assert {answer.status_code for answer in answers} == {403}
    assert deployment.services.dead.get(letter.name) == letter


# What is shown


def test_overview_says_what_status_says(
    page: httpx2.Client, letter: DeadLetter, deployment: Deployment
) -> None:
    now = msgspec.json.decode(deployment.command("status", "--json").stdout)
    html = page.get("/").text

    assert now["obstacles"]
    for text in now["obstacles"]:
        assert text in html
    for title in ("events to store", "sessions to extract", "memories not searchable yet"):
        assert title in html
    assert re.search(r"<strong>1</strong>\s*<span>dead letters</span>", html)


def test_costs_are_told_by_day_model_user_and_purpose(
    page: httpx2.Client, deployment: Deployment, fresh_name: str
) -> None:
    spent = [Spent(f"model-{fresh_name}", f"purpose-{fresh_name}", 3, 12_345, 678, 9)]
    costs, day = deployment.services.costs, str(today())
    rows = [costs.row(day, owner, 10**9, spent) for owner in (EVERYBODY, f"user-{fresh_name}")]
    write_all(deployment.services.tablestore, rows)

    for by in ("model", "purpose", "user"):
        html = page.get("/costs", params={"by": by}).text
        line = html[html.index(f"{by}-{fresh_name}") :].partition("</tr>")[0]
        assert re.findall(r'number">([^<]+)<', line) == ["3", "12,345", "9", "678", "unknown"]
    assert f"{day}: " in page.get("/costs").text


def test_settings_are_shown_without_secrets(page: httpx2.Client, deployment: Deployment) -> None:
    html = page.get("/settings").text

    told = dict(re.findall(r"<code>(\w+)</code></th><td><bdi[^>]*>([^<]*)</bdi>", html))
    assert told["MEMORY_PREFIX"] == deployment.settings.prefix
    assert told["REDIS_URL"] == urlsplit(deployment.settings.redis_url).netloc
    assert told["TABLESTORE_STS_TOKEN"] == told["MEMORY_SERVER_TOKENS"] == "set"
    assert told["TABLESTORE_ACCESS_KEY_ID"] == told["DASHSCOPE_API_KEY"] == "set"
    assert told["MEMORY_SERVER_TOKEN"] == "not set"
    assert [secret for secret in (ALL, *SECRETS.values()) if secret in html] == []


def test_other_rooms_are_what_they_were(page: httpx2.Client) -> None:
    unknown = page.get("/v1/nothing")
    wrong_method = page.get("/v1/events")

    assert problem(unknown)["title"] == "Not found"
    assert problem(wrong_method)["title"] == "Method not allowed"

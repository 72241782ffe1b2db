"""What is kept of people, in a browser: users, memories, sessions, an event's way. Server and workers are real."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from devtools.child import Child
from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import wait_until
from tablestore_memory.worker.stores.messages import MessageRow
from tablestore_memory.worker.stores.rows import RowWrite, message_key
from tablestore_memory.worker.stores.write import write_all
from tests.answers import audited
from tests.html import Html
from tests.memory_server import memory_server
from tests.page import visitor
from tests.stories.test_memories_by_hand import told
from tests.stories.test_memory import over

SCRIPT = "<script>alert(1)</script>"
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens


@pytest.fixture(scope="module")
def server(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with memory_server(deployment.environment, tmp_path_factory.mktemp("journal")) as server:
        yield server


@pytest.fixture(scope="module")
def browser(server: Child) -> Iterator[httpx2.Client]:
    with visitor(server) as browser:
        yield browser


def page(browser: httpx2.Client, path: str, status: int = 200, /, **query: str) -> Html:
    answer = browser.get(path, params=query or None)
    assert answer.status_code == status, Html(answer.text).text
    assert answer.headers["content-type"].startswith("text/html")
    return Html(answer.text)


def memory_about(deployment: Deployment, user: str, word: str) -> str:
    (memory,) = [each for each in deployment.memories(user) if word in each.text]
    return memory.document_id


def users_in(shown: Html) -> list[str]:
    return [link for link in shown.links if link.startswith("/user?")]


# Users


def test_users_are_found_by_the_beginning_of_their_id_and_listed_page_by_page(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    services = deployment.services
    names = [f"{fresh_name}-{n:02}" for n in range(27)]
    rows = [services.sessions.row(user, f"{user}-s{n}", n + 1) for user in names for n in range(3)]
    rows += [services.sessions.row(names[0], f"{names[0]}-s{n}", n + 1) for n in range(3, 70)]
    write_all(services.tablestore, rows)
    deployment.publish(
        {"type": "remember", "user_id": f"{fresh_name}-1x", "text": "Only memories."}
    )
    deployment.wait()

    first = page(browser, "/users", begins=fresh_name)
    second = page(browser, first.link("/users?begins"))

    wanted = sorted([*names, f"{fresh_name}-1x"])
    assert users_in(first) == [f"/user?user_id={user}" for user in wanted[:25]]
    assert users_in(second) == [f"/user?user_id={user}" for user in wanted[25:]]
    assert f"{names[0]} more than 50 0 1970-01-01 00:00:00" in first.text
    assert f"{fresh_name}-1x 0 1 –" in first.text
    assert not [link for link in second.links if "after=" in link]


def test_id_that_nobody_has_is_said_to_be_nobodys(browser: httpx2.Client, fresh_name: str) -> None:
    listed = page(browser, "/users", begins=fresh_name)
    one = page(browser, "/user", 404, user_id=fresh_name)

    assert "No user's id begins with this." in listed.text
    assert "nothing is kept of a user of this id" in one.text


# Memories


def test_memory_is_shown_with_its_words_marked_in_their_conversation(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    told(
        deployment, fresh_name, "Good morning!", "I live in Paris. It is lovely.", "我喜欢喝绿茶。"
    )

    listed = page(browser, "/user", user_id=fresh_name)
    shown = page(browser, listed.link("/memory?"))
    paris = page(
        browser,
        "/memory",
        user_id=fresh_name,
        memory_id=memory_about(deployment, fresh_name, "Paris"),
    )

    assert "Ana lives in Paris" in listed.text
    assert "searchable" in listed.text
    assert "What it rests on" in shown.text
    assert paris.marked == ["I live in Paris."]
    assert "Good morning!" in paris.text
    assert "我喜欢喝绿茶。" in paris.text
    session = page(browser, paris.link("/session?"))
    assert "I live in Paris. It is lovely." in session.text


def test_memory_is_corrected_by_a_form_and_its_earlier_text_stands_in_its_story(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    old = memory_about(deployment, fresh_name, "Paris")
    whose = {"user_id": fresh_name, "memory_id": old}
    form = page(browser, "/memory/edit", **whose)

    changed = {"text": "Ana lives in Rome", "kind": "fact", "event_start": "", "event_end": ""}
    answer = browser.post("/memory/edit", data=whose | changed)
    deployment.wait()
    was = page(browser, "/memory", **whose)
    now = page(browser, was.link("/memory?"))

    assert "Ana lives in Paris" in form.text
    assert answer.status_code == 303
    assert "It is asked for" in page(browser, answer.headers["location"]).text
    assert "This holds no more." in was.text
    assert now.text.index("Ana lives in Paris") < now.text.index("What it rests on")
    assert "corrected by hand" in now.text
    assert now.marked == ["I live in Paris."]
    assert "corrected by hand" in page(browser, "/history", user_id=fresh_name).text


def test_form_that_changes_nothing_or_holds_no_day_is_told_what_is_wrong(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    (memory,) = deployment.memories(fresh_name)
    whose = {"user_id": fresh_name, "memory_id": memory.document_id}
    same = whose | {"text": memory.text, "kind": memory.kind}

    nothing = browser.post("/memory/edit", data=same)
    no_day = browser.post("/memory/edit", data=same | {"event_start": "2023-13-45"})

    assert (nothing.status_code, no_day.status_code) == (400, 400)
    assert "nothing is changed" in nothing.text
    assert "event_start" in no_day.text
    assert "2023-13-45" not in no_day.text


def test_memory_is_deleted_after_a_question_and_nothing_is_left_of_its_text(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.", "I like chess.")
    whose = {"user_id": fresh_name, "memory_id": memory_about(deployment, fresh_name, "Paris")}

    asked = page(browser, "/memory/delete", **whose)
    still = page(browser, "/memory", **whose)
    answer = browser.post("/memory/delete", data=whose)
    deployment.wait()
    gone = page(browser, "/memory", **whose)

    assert "Ana lives in Paris" in asked.text
    assert "Ana lives in Paris" in still.text
    assert answer.status_code == 303
    assert "deleted by hand. Its text is gone." in gone.text
    assert "Paris" not in gone.text
    again = browser.post("/memory/delete", data=whose)
    assert again.status_code == 404
    sent = page(browser, answer.headers["location"])
    assert "Carried out" in page(browser, sent.link("/event?")).text


def test_who_reads_and_changes_is_in_the_audit(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    (memory,) = deployment.memories(fresh_name)
    whose = {"user_id": fresh_name, "memory_id": memory.document_id}
    for path in ("/user", "/sessions", "/history"):
        page(browser, path, user_id=fresh_name)
    page(browser, "/session", user_id=fresh_name, session_id=f"{fresh_name}-s")
    browser.post("/memory/edit", data=whose | {"text": "Ana lives in Rome", "kind": memory.kind})
    browser.post("/memory/delete", data=whose)

    deeds = audited(deployment, fresh_name, 6)
    commands = sorted(deed["command"] for deed in deeds)
    assert commands == ["delete", "edit", "history", "memories", "messages", "sessions"]
    assert {deed["by"] for deed in deeds} == {"page:link"}


# Sessions


def test_session_tells_what_was_remembered_from_each_message_and_how_far_it_is_extracted(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    session = f"{fresh_name}-s"
    lines = [said(fresh_name, session, n, f"Message number {n}.") for n in range(50)]
    lines[3]["content"] = "I live in Paris."
    deployment.publish(*lines, over(fresh_name, session))
    deployment.wait()

    listed = page(browser, "/sessions", user_id=fresh_name)
    first = page(browser, listed.link("/session?"))
    second = page(browser, first.link(f"/session?user_id={fresh_name}&session_id={session}&at"))

    assert f"{session} 2023-05-08 13:49:00 2023-05-08 13:49:00 nothing waits" in listed.text
    assert "Message number 39." in first.text
    assert "Message number 40." not in first.text
    assert "lives in Paris" in first.text.partition("Message number 2.")[2]
    assert "Extracted up to here" not in first.text
    assert "Message number 40." in second.text
    assert "Message number 49." in second.text


def test_what_is_not_extracted_yet_stands_behind_a_line(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    session = f"{fresh_name}-s"
    told(deployment, fresh_name, "I live in Paris.")
    services = deployment.services
    (row,) = services.sessions.rows(fresh_name, session)
    later = replace(row, created_at=row.created_at + 60_000_000, message_id="later")
    write_all(services.tablestore, [put(deployment, later)])

    shown = page(browser, "/session", user_id=fresh_name, session_id=session)

    first, _, rest = shown.text.partition("Extracted up to here")
    assert "I live in Paris." in first
    assert "I live in Paris." in rest


def put(deployment: Deployment, row: MessageRow) -> RowWrite:
    key = message_key(row.session_id, row.created_at, row.message_id)
    return RowWrite(deployment.services.names.message, key, tuple(row.columns.items()))


# The way of an event


def test_way_of_a_message_leads_from_its_publisher_to_the_searchable_memory(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")

    way = page(browser, "/event", event_id=f"{fresh_name}-s-0")

    names = ("Published", "Received by Redis", "Stored", "Extracted", "Remembered", "Searchable")
    places = [way.text.index(f"{name} done") for name in names]
    assert places == sorted(places)
    assert "memories that rest on it: 1" in way.text
    assert "the search index showed it" in way.text
    assert "Ana lives in Paris" in way.text


def test_event_that_nothing_tells_of_is_not_known(browser: httpx2.Client, fresh_name: str) -> None:
    way = page(browser, "/event", 404, event_id=fresh_name)

    assert "Received by Redis not known" in way.text
    assert "there is no row of a message of this id" in way.text


def test_forgotten_user_is_not_found_and_an_event_is_said_to_be_forgotten(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    request = f"forget-{fresh_name}"
    deployment.publish({"type": "forget", "user_id": fresh_name, "event_id": request})
    receipts = deployment.services.deletion_receipts
    wait_until(lambda: receipts.finished(request), "forgotten")

    way = page(browser, "/event", 404, event_id=f"{fresh_name}-s-0", user_id=fresh_name)
    forget = page(browser, "/event", event_id=request)

    assert "Forgotten not known" in way.text
    assert "Carried out done" in forget.text
    page(browser, "/user", 404, user_id=fresh_name)


# Whatever the ids and texts are


ODD = ("a/b", "a b", "😀", "100%", "?a=b&c#d", "张三", "..", "%2F", "a\nb", SCRIPT)


def test_everything_is_reached_whatever_is_in_an_id(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    named = [(f"{fresh_name}{odd}", f"s{odd}{fresh_name}", f"m{odd}{fresh_name}") for odd in ODD]
    for user, session, message in named:
        line = said(user, session, 1, "I live in Paris.", message_id=message)
        deployment.publish(line, over(user, session))
    deployment.wait()

    for user, _, _ in named:
        listed = page(browser, page(browser, "/users", begins=user).link("/user?"))
        memory = page(browser, listed.link("/memory?"))
        talk = page(browser, page(browser, listed.link("/sessions?")).link("/session?"))
        way = page(browser, talk.link("/event?"))

        for shown in (listed, memory, talk, way):
            assert " ".join(user.split()) in shown.text
            assert shown.scripts == [{"src": "/static/page.js", "defer": ""}]
        assert memory.marked == ["I live in Paris."]
        assert "Searchable" in way.text


def test_script_that_somebody_says_is_text_wherever_it_is_shown(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str
) -> None:
    told(deployment, fresh_name, f"I live in Paris. {SCRIPT}")
    deployment.publish({"type": "remember", "user_id": fresh_name, "text": f"Ana says {SCRIPT}"})
    deployment.wait()
    whose = {"user_id": fresh_name, "memory_id": memory_about(deployment, fresh_name, "says")}

    shown = [
        page(browser, "/user", user_id=fresh_name),
        page(browser, "/session", user_id=fresh_name, session_id=f"{fresh_name}-s"),
        page(browser, "/memory", **whose),
        page(browser, "/memory/edit", **whose),
        page(browser, "/memory/delete", **whose),
    ]

    for each in shown:
        assert SCRIPT in each.text
        assert each.scripts == [{"src": "/static/page.js", "defer": ""}]


# Who may not


def test_nobody_sees_what_is_of_another_tenant(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str, tmp_path_factory: Any
) -> None:
    deployment.publish({"type": "remember", "user_id": fresh_name, "text": "A secret plan."})
    deployment.wait()
    memory_id = memory_about(deployment, fresh_name, "secret")
    folder = tmp_path_factory.mktemp("journal")

    with (
        memory_server(deployment.environment, folder, MEMORY_TENANT="other") as server,
        visitor(server) as stranger,
    ):
        users = page(stranger, "/users", begins=fresh_name)
        whose = {"user_id": fresh_name, "memory_id": memory_id}
        for path in ("/memory", "/memory/edit", "/memory/delete"):
            assert "secret" not in page(stranger, path, 404, **whose).text
        page(stranger, "/user", 404, user_id=fresh_name)
        assert stranger.post("/memory/delete", data=whose).status_code == 404
        assert stranger.post("/memory/edit", data=whose | {"text": "x"}).status_code == 404

    assert "No user's id begins with this." in users.text
    assert "A secret plan." in page(browser, "/user", user_id=fresh_name).text


def test_nothing_is_changed_where_the_page_only_reads_or_a_form_comes_from_elsewhere(
    deployment: Deployment, browser: httpx2.Client, fresh_name: str, tmp_path_factory: Any
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    (memory,) = deployment.memories(fresh_name)
    whose = {"user_id": fresh_name, "memory_id": memory.document_id}
    changed = whose | {"text": "Ana lives in Rome", "kind": memory.kind}
    folder = tmp_path_factory.mktemp("journal")

    with (
        memory_server(deployment.environment, folder, MEMORY_PAGE_READ_ONLY="true") as server,
        visitor(server) as reader,
    ):
        shown = page(reader, "/memory", **whose)
        for path in ("/memory/edit", "/memory/delete"):
            page(reader, path, 403, **whose)
            assert reader.post(path, data=changed).status_code == 403
    for origin in ("http://evil.example", "null", ""):
        for path in ("/memory/edit", "/memory/delete"):
            forged = browser.post(path, data=changed, headers={"Origin": origin})
            assert forged.status_code == 403, (origin, path)
    deployment.wait()

    assert "Correct" not in shown.text
    assert "/memory/edit" not in [attributes.get("action") for _, attributes in shown.elements]
    assert [each.text for each in deployment.memories(fresh_name)] == [memory.text]


def test_tablestore_that_is_away_looks_like_a_failure_and_not_like_nothing(
    deployment: Deployment, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    ids = {"user_id": "ana", "session_id": "s", "memory_id": "m", "event_id": "e"}

    with (
        memory_server(deployment.environment, folder, TABLESTORE_ENDPOINT=NOBODY) as server,
        visitor(server) as browser,
    ):
        paths = ("/users", "/user", "/history", "/sessions", "/session", "/memory", "/event")
        shown = [page(browser, path, 503, **ids) for path in paths]

    for each in shown:
        assert "Tablestore does not do its work" in each.text

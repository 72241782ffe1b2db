"""The pages of users and events in a browser: by keyboard, in light and dark, in Chinese, and with a script."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from devtools.deployment import Deployment
from devtools.extraction import said
from tests.browser.conftest import SCRIPT
from tests.browser.test_page import CONTRASTS, DOCS, LEAST_CONTRAST, expect_focused, tab_to
from tests.stories.test_memories_by_hand import told
from tests.stories.test_page_of_users import memory_about

USER = "mei"  # of examples/conversation.jsonl
PATHS = (
    "/users",
    f"/user?user_id={USER}",
    f"/history?user_id={USER}",
    f"/sessions?user_id={USER}",
    f"/session?user_id={USER}&session_id=mei-1",
    "/event?event_id=mei-1-03",
)


@pytest.fixture
def every_path(deployment: Deployment) -> tuple[str, ...]:
    whose = f"user_id={USER}&memory_id={memory_about(deployment, USER, 'peanuts')}"
    return (*PATHS, *(f"/memory{deed}?{whose}" for deed in ("", "/edit", "/delete")))


def test_browser_has_nothing_to_complain_about_any_of_them(
    page: Page, complaints: list[str], every_path: tuple[str, ...]
) -> None:
    for path in every_path:
        page.goto(path)
        page.wait_for_load_state("networkidle")

    assert complaints == []


def test_memory_is_found_and_corrected_by_keyboard_alone(
    page: Page, deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    page.goto("/users")

    tab_to_field(page, "begins")
    page.keyboard.type(fresh_name[:-1])
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=fresh_name)).to_be_visible()
    tab_to(page, fresh_name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Memories of {fresh_name}")
    tab_to(page, "Ana lives in Paris")
    page.keyboard.press("Enter")
    expect(page.locator("mark")).to_have_text("I live in Paris.")
    tab_to(page, "Correct")
    page.keyboard.press("Enter")
    expect(page.get_by_label("It says")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Ana lives in Rome")
    tab_to(page, "Correct it")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("a worker does it in a moment")
    deployment.wait()
    page.reload()
    page.get_by_role("main").get_by_role("link", name="Ana lives in Rome").first.click()
    timeline = page.locator(".timeline li")
    expect(timeline).to_have_count(2)
    expect(timeline.first).to_contain_text("Ana lives in Paris")
    expect(timeline.last).to_contain_text("Ana lives in Rome")


def test_deleting_asks_first_with_the_way_back_in_focus(
    page: Page, deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    paris = memory_about(deployment, fresh_name, "Paris")
    page.goto(f"/memory?user_id={fresh_name}&memory_id={paris}")

    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("main")).to_contain_text("Ana lives in Paris")
    expect_focused(page, "No, go back")
    page.keyboard.press("Enter")
    expect(page.locator(".states")).to_have_text("Ana lives in Paris")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()

    expect(page.get_by_role("status")).to_be_visible()
    deployment.wait()
    assert deployment.services.memories.without_vectors([paris]) == []


def test_script_that_somebody_said_under_an_odd_name_does_not_run(
    page: Page, complaints: list[str], deployment: Deployment, fresh_name: str
) -> None:
    user = f"{fresh_name}{SCRIPT}"
    deployment.publish(said(user, SCRIPT, 1, f"我住在柏林。{SCRIPT}"))
    deployment.publish({"type": "remember", "user_id": user, "text": f"我喜欢喝茶。{SCRIPT}"})
    deployment.wait()
    page.goto("/users")
    page.get_by_label("Id, or how it begins").fill(fresh_name)
    page.get_by_role("button", name="Find").click()

    page.get_by_role("link", name=fresh_name).click()
    expect(page.get_by_role("main")).to_contain_text(f"我喜欢喝茶。{SCRIPT}")
    expect(page.locator('[lang="zh-Hans"]').first).to_contain_text("我喜欢喝茶。")
    page.get_by_role("navigation", name="Of this user").get_by_role("link", name="Sessions").click()
    page.get_by_role("cell").get_by_role("link").first.click()
    expect(page.get_by_role("main")).to_contain_text(f"我住在柏林。{SCRIPT}")
    assert page.title() != "taken"
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_them_can_be_read_in_light_and_dark(
    page: Page, scheme: Any, every_path: tuple[str, ...]
) -> None:
    page.emulate_media(color_scheme=scheme)

    for path in every_path:
        page.goto(path)
        faint = [each for each in page.evaluate(CONTRASTS) if each[0] < LEAST_CONTRAST]
        assert faint == [], path


def test_they_fit_a_narrow_window(page: Page, every_path: tuple[str, ...]) -> None:
    page.set_viewport_size({"width": 390, "height": 800})

    for path in every_path:
        page.goto(path)
        too_wide = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide == 0, path


def test_pictures_for_the_documents(page: Page, deployment: Deployment) -> None:
    page.goto(f"/memory?user_id={USER}&memory_id={memory_about(deployment, USER, 'peanuts')}")
    expect(page.locator("mark")).to_contain_text("allergic to peanuts")
    page.screenshot(path=DOCS / "page-memory.png")
    page.goto(f"/session?user_id={USER}&session_id=mei-1")
    page.screenshot(path=DOCS / "page-session.png")
    page.goto("/event?event_id=mei-1-03")
    expect(page.locator(".stages .done")).to_have_count(6)
    page.screenshot(path=DOCS / "page-event.png")


def tab_to_field(page: Page, name: str) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.name") == name:
            return
    raise AssertionError(f"no way to {name} by keyboard")

"""The page in a browser, with real data: every page, by mouse and by keyboard, in light and dark."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from devtools.child import Child
from devtools.deployment import Deployment
from tablestore_memory.server.page.table import PAGES
from tablestore_memory.worker.state.dead_letters import INGEST
from tests.browser.conftest import SCRIPT
from tests.page import link_of

DOCS = Path(__file__).parents[2] / "docs"
TITLES = [page.title for page in PAGES if page.title]
# The least of WCAG 2.2, 1.4.3 for texts of the size of these.
LEAST_CONTRAST = 4.5
CONTRASTS = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map((c) => c / 255).map(
      (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
    );
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = channels(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const both = [light(channels(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    found.push([contrast, element.outerHTML.slice(0, 80)]);
  }
  return found;
}"""


def open_by_navigation(page: Page, title: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.wait_for_load_state()  # with its style sheet, without which nothing has the right colour


def focused(page: Page) -> str:
    """What has the focus, by its text, if one can see that it has."""
    text, outline = page.evaluate(
        "() => [document.activeElement.textContent, getComputedStyle(document.activeElement).outlineStyle]"
    )
    assert outline != "none", text
    return " ".join(str(text).split())


def expect_focused(page: Page, text: str) -> None:
    """What a page puts in focus by itself: that happens when it is shown, with its style sheet."""
    expect(page.locator(":focus")).to_have_text(text)
    assert focused(page) == text


def tab_to(page: Page, text: str) -> None:
    seen: list[str] = []
    while not seen or seen[-1] != text:
        page.keyboard.press("Tab")
        seen.append(focused(page))
        assert len(seen) < 60, seen


def dead_letter(deployment: Deployment, reason: str) -> str:
    event = json.dumps({"type": "message", "user_id": "mei", "content": "我对花生过敏。"})
    deployment.services.dead.add(
        1, event=event.encode(), reason=reason, queue=INGEST, error="MalformedEvent"
    )
    return next(each.name for each in deployment.services.dead.all() if each.reason == reason)


def test_login_link_leads_to_the_overview_and_opens_no_second_browser(
    chromium: Browser, server: Child
) -> None:
    with chromium.new_context() as first, chromium.new_context() as second:
        opened, refused = first.new_page(), second.new_page()

        opened.goto(link_of(server))
        refused.goto(link_of(server))

        expect(opened.get_by_role("heading", level=1)).to_have_text("Overview")
        expect(refused.get_by_role("alert")).to_have_text("This link was used, or it is too old.")


@pytest.mark.parametrize("title", TITLES)
def test_browser_has_nothing_to_complain_about(
    page: Page, complaints: list[str], title: str
) -> None:
    open_by_navigation(page, title)

    expect(page.get_by_role("navigation").locator("[aria-current]")).to_have_text(title)
    page.wait_for_load_state("networkidle")
    assert complaints == []


def test_overview_shows_what_was_done_and_keeps_itself_current(
    page: Page, deployment: Deployment, fresh_name: str
) -> None:
    stage = page.get_by_role("listitem").filter(has_text="dead letters").locator("strong")
    before = int(stage.inner_text())

    name = dead_letter(deployment, fresh_name)

    expect(stage).to_have_text(str(before + 1))
    letter = deployment.services.dead.get(name)
    assert letter and deployment.services.dead.discard(letter)


def test_overview_says_when_it_is_not_current(page: Page, context: BrowserContext) -> None:
    context.set_offline(True)

    live = page.locator("[data-live]")
    expect(live).to_have_attribute("data-stale", "")
    said = live.evaluate("element => getComputedStyle(element, '::before').content")
    assert "Not current" in said

    context.set_offline(False)
    expect(live).not_to_have_attribute("data-stale", "")


def test_letter_is_found_retried_and_gone_by_keyboard_alone(
    page: Page, deployment: Deployment, fresh_name: str
) -> None:
    name = dead_letter(deployment, fresh_name)
    page.goto("/")

    page.keyboard.press("Tab")
    assert focused(page) == "To the content"
    tab_to(page, "Dead letters")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dead letters")
    tab_to(page, f"Discard {name}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete for good: 1 dead letter?")
    expect_focused(page, "No, go back")
    assert deployment.services.dead.get(name)
    page.keyboard.press("Shift+Tab")
    assert focused(page) == "Discard"
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_have_text("Discarded: 1")
    assert deployment.services.dead.get(name) is None


def test_script_in_a_dead_letter_is_shown_as_text(page: Page, complaints: list[str]) -> None:
    open_by_navigation(page, "Dead letters")
    expect(page.get_by_role("table").last).to_contain_text(f"role: missing {SCRIPT}")

    page.locator("tr").filter(has_text="role: missing").get_by_role("link").first.click()

    expect(page.locator("pre")).to_contain_text("<script>document.title")
    expect(page).to_have_title(re.compile("^Dead letter "))
    assert complaints == []


def test_chinese_text_says_that_it_is_chinese(
    page: Page, deployment: Deployment, fresh_name: str
) -> None:
    name = dead_letter(deployment, fresh_name)
    page.goto(f"/dead-letters/letter?name={name}")

    text = page.locator("pre [lang]")

    expect(text).to_contain_text("我对花生过敏。")
    expect(text).to_have_attribute("lang", "zh-Hans")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_light_and_dark(
    page: Page, scheme: Any, deployment: Deployment, fresh_name: str
) -> None:
    dead_letter(deployment, fresh_name)
    page.emulate_media(color_scheme=scheme)

    grounds = set()
    for title in TITLES:
        open_by_navigation(page, title)
        faint = [each for each in page.evaluate(CONTRASTS) if each[0] < LEAST_CONTRAST]
        assert faint == []
        grounds.add(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 1
    page.goto("/")
    page.screenshot(path=DOCS / f"page-{scheme}.png")


def test_page_fits_a_narrow_window(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})

    for title in TITLES:
        open_by_navigation(page, title)
        too_wide = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide == 0, title

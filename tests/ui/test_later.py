"""What is fetched only when it is wanted, while the network is cut: it says so, and comes once the network is back."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = pytest.mark.timeout(120)
NOTHING_AHEAD = "window.requestIdleCallback = () => 0"
"""Parts are not fetched before the wish."""


def at_home(page: Page) -> None:
    page.add_init_script(NOTHING_AHEAD)
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")


def test_a_part_that_did_not_come_comes_by_itself_when_the_network_is_back(
    page: Page, context: BrowserContext
) -> None:
    at_home(page)
    context.set_offline(True)
    page.keyboard.press("Control+k")
    told = page.get_by_role("alert").filter(has_text="This part of the page did not come")
    expect(told).to_be_visible()
    context.set_offline(False)
    expect(page.get_by_placeholder("Go to or do …")).to_be_visible()
    expect(told).to_have_count(0)


def test_a_part_comes_at_another_try(page: Page) -> None:
    at_home(page)
    page.route("**/*.js", lambda route: route.abort())
    page.keyboard.press("Control+k")
    told = page.get_by_role("alert").filter(has_text="This part of the page did not come")
    expect(told).to_be_visible()
    page.unroute("**/*.js")
    told.get_by_role("button", name="Try again").click()
    expect(page.get_by_placeholder("Go to or do …")).to_be_visible()


def test_a_screen_that_did_not_come_comes_when_the_network_is_back(
    page: Page, context: BrowserContext
) -> None:
    at_home(page)
    context.set_offline(True)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Dead letters").click()
    expect(page.get_by_role("alert")).to_contain_text("did not come")
    context.set_offline(False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Dead letters")

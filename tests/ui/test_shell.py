"""Every screen in both themes and both widths: it opens, says where one is, and keeps to the rules of accessibility."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import Product

SCREENS = {
    "/": "Home",
    "/orchestrators": "Orchestrators",
    "/workflows": "Workflows",
    "/runs": "Runs",
    "/connections": "Connections",
    "/inbound": "Inbound",
    "/dead-letters": "Dead letters",
    "/check": "Set-up check",
    "/settings": "Settings",
}


def opened(page: Page, path: str) -> None:
    """The screen is there, its data too."""
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_have_text(SCREENS[path])
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", SCREENS)
def test_every_screen_opens_and_is_accessible(
    page: Page, path: str, theme: str, axe: Axe, shot: Shot
) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    opened(page, path)
    expect(page).to_have_title(f"{SCREENS[path]} · Baton")
    current = page.get_by_role("navigation", name="Main").get_by_role("link", name=SCREENS[path], exact=True)
    expect(current).to_have_attribute("aria-current", "page")
    axe(page)
    name = path.strip("/") or "home"
    shot(page, f"{name}-{theme}")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    shot(page, f"{name}-{theme}-narrow")


def test_signing_in_and_out(browser: Browser, product: Product, axe: Axe, shot: Shot) -> None:
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto("/runs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        axe(page)
        shot(page, f"sign-in-{theme}")
    page.get_by_label("Sign-in code").fill("code_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    context.close()


def test_the_keyboard_reaches_every_screen(page: Page) -> None:
    opened(page, "/")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile("/runs$"))
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog")
    palette.get_by_placeholder("Go to or do …").fill("connect")
    expect(palette.get_by_role("option", name="Connections")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/connections$"))
    expect(palette).to_have_count(0)


def test_skipping_to_the_content(page: Page) -> None:
    opened(page, "/runs")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_theme_follows_the_system_until_it_is_pinned(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    opened(page, "/settings")
    dark = background(page)
    page.emulate_media(color_scheme="light")
    light = background(page)
    assert dark != light
    page.get_by_role("radio", name="Dark").click()
    assert background(page) == dark
    opened(page, "/settings")
    assert page.content().find('data-theme="dark"') > 0 and background(page) == dark
    page.get_by_role("radio", name="System").click()
    assert background(page) == light


def test_an_address_that_no_screen_has(page: Page) -> None:
    page.goto("/runs/a/b/c")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    page.goto("/runs/00000000-0000-0000-0000-000000000000")
    expect(page.get_by_role("alert")).to_contain_text("Request")


def test_the_palette_is_accessible(page: Page, axe: Axe, shot: Shot) -> None:
    opened(page, "/")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Go to or do").fill("Order to")
    expect(page.get_by_role("option", name="Order to report").first).to_be_visible()
    axe(page)
    shot(page, "palette-light")


def test_a_run_is_followed_to_its_end(page: Page, product: Product) -> None:
    started = page.request.post(
        f"/api/v1/orchestrator/{product.sample}/run",
        data={"inputs": {}},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert started.status == 202
    page.goto(f"/runs/{started.json()['id']}")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_label("Log lines").get_by_role("listitem").nth(5)).to_be_visible()
    expect(page.locator("h1 + *")).to_have_text(re.compile("Completed"), timeout=40_000)
    seen = page.get_by_label("Log lines").get_by_role("listitem").count()
    page.reload()
    expect(page.get_by_label("Log lines").get_by_role("listitem")).to_have_count(seen)


def background(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")

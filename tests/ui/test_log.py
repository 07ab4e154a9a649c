"""The log of a run: over the whole window, by the clock or since the start, and the same in the canvas's drawer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_run_detail import chain, ended, lines, made
from tests.ui.test_runs import in_both_themes, start, waiter


@pytest.fixture
def failed(page: Page) -> tuple[str, str]:
    """An orchestrator, and its run, which Airflow failed."""
    flow = made(page, "Loads nothing", chain(page, "always_fail"))
    run = start(page, flow)
    page.goto(f"/runs/{run}")
    ended(page, "Failed")
    return flow, run


def full(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Log lines")


def test_the_log_takes_the_whole_window_and_gives_it_back(
    page: Page, failed: tuple[str, str], axe: Axe, shot: Shot
) -> None:
    page.get_by_role("button", name="Full screen").click()
    expect(full(page)).to_be_visible()
    expect(full(page)).to_be_focused()
    expect(page).to_have_url(re.compile("full=true"))
    in_both_themes(page, axe, shot, "log-full")
    page.reload()
    expect(lines(page).filter(has_text="about to fail").first).to_be_visible()
    expect(full(page)).to_be_visible()
    wrap = full(page).get_by_role("button", name="Wrap long lines")
    expect(wrap).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("w")  # the keys of the log go on working
    expect(wrap).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("w")
    full(page).get_by_role("button", name="Load orders").first.click()  # its step
    expect(page).to_have_url(re.compile("node=load"))
    expect(full(page)).to_have_count(0)
    page.get_by_role("button", name="Full screen").click()
    page.keyboard.press("Escape")
    expect(full(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Full screen")).to_be_focused()
    expect(page.get_by_role("region", name="Step Load orders")).to_be_visible()  # Escape left the log only


def test_times_are_counted_from_the_start(page: Page, failed: tuple[str, str]) -> None:
    time = lines(page).locator("time").last
    expect(time).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    page.get_by_role("button", name="Times since the start").click()
    expect(time).to_have_text(re.compile(r"^\+\d.*s$"))
    page.reload()
    expect(time).to_have_text(re.compile(r"^\+"))


def test_what_is_folded_is_found_and_shown(page: Page, failed: tuple[str, str]) -> None:
    page.get_by_label("Search the log").fill("at boom (")
    expect(page.get_by_role("status").filter(has_text=re.compile(r"^1/[1-9]"))).to_be_visible()
    expect(lines(page).locator("mark").first).to_have_text("at boom (")


def test_the_drawer_of_the_canvas_has_the_same_log(
    page: Page, failed: tuple[str, str], axe: Axe, shot: Shot
) -> None:
    flow, run = failed
    page.goto(f"/orchestrators/{flow}?run={run}&drawer=log")
    page.get_by_label("Search the log").fill("about to fail")
    hit = lines(page).filter(has=page.locator("mark")).first
    expect(hit).to_be_visible()
    in_both_themes(page, axe, shot, "drawer-log")
    hit.get_by_role("button", name=re.compile(r"^Line \d+$")).click()
    expect(page).to_have_url(re.compile(r"line=\d+"))
    page.reload()
    expect(page.get_by_label("Search the log")).to_have_value("about to fail")
    expect(hit.get_by_role("button", name=re.compile(r"^Copy link to line"))).to_be_visible()
    hit.get_by_role("button", name="Load orders").click()
    expect(page).to_have_url(re.compile("node=load"))


def test_escape_leaves_the_whole_window_and_not_the_step_behind_it(
    page: Page, failed: tuple[str, str], axe: Axe, shot: Shot
) -> None:
    flow, run = failed
    page.goto(f"/orchestrators/{flow}?run={run}&drawer=log&node=load")
    page.get_by_role("button", name="Full screen").click()
    expect(full(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(full(page)).to_have_count(0)
    expect(page).to_have_url(re.compile("node=load"))  # Escape left the log only
    page.goto(f"/orchestrators/{flow}?run={run}&drawer=log&full=true")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    expect(full(page)).to_be_visible()
    axe(page)
    shot(page, "log-full-narrow")


def test_the_drawer_has_the_callbacks(page: Page, axe: Axe, shot: Shot) -> None:
    flow = waiter(page, "Waits in the drawer", 600_000)
    page.goto(f"/orchestrators/{flow}?drawer=callbacks")
    expect(page.get_by_text("No run is on show.")).to_be_visible()
    run = start(page, flow)
    page.goto(f"/orchestrators/{flow}?run={run}&drawer=callbacks")
    drawer = page.get_by_role("region", name="Drawer")
    expect(drawer.get_by_role("button", name="Callbacks 1")).to_be_visible()
    expect(drawer.get_by_role("heading", name="Ask the buyer")).to_be_visible()
    in_both_themes(page, axe, shot, "drawer-callbacks")
    drawer.get_by_role("button", name="Send test …").click()
    page.get_by_role("dialog").get_by_role("button", name="Send test").click()
    expect(drawer.get_by_role("table", name="Attempts on Ask the buyer")).to_contain_text("By hand")
    expect(
        page.locator(".react-flow__node").filter(has_text="Ask the buyer").locator("[data-status=COMPLETED]")
    ).to_be_visible()

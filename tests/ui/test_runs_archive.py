"""Runs are put away and brought back; what waits for its reader has a view; and a list without runs says what to do."""

from __future__ import annotations

import re
import shlex
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_runs import ORIGIN, in_both_themes, start, waiter
from tests.ui.test_runs_list import RUNS, ended, rows


@pytest.fixture
def flow(page: Page) -> str:
    """An orchestrator of its own with three runs that failed."""
    made = waiter(page, f"Put away {uuid4().hex[:6]}", 100)
    ended(page, *(start(page, made) for _ in range(3)))
    return made


def toast(page: Page, text: str) -> Locator:
    return page.get_by_role("listitem").filter(has_text=text)


def test_selected_runs_are_archived_and_the_message_takes_it_back(
    page: Page, flow: str, axe: Axe, shot: Shot
) -> None:
    page.goto(f"/runs?orchestratorId={flow}")
    lines = rows(page)
    expect(lines).to_have_count(4)
    lines.nth(1).get_by_role("checkbox").click()
    lines.nth(2).get_by_role("checkbox").click()
    bulk = page.get_by_role("toolbar", name="Selected runs")
    bulk.get_by_role("button", name="Archive").click()
    dialog = page.get_by_role("dialog", name="Archive 2 runs")
    expect(dialog.get_by_role("list", name="Effects")).to_contain_text(
        "open, and in their own list: 2 open dead letters"
    )
    in_both_themes(page, axe, shot, "archive-selected")
    dialog.get_by_role("button", name="Archive 2 runs").click()
    expect(dialog).to_have_count(0)
    expect(lines).to_have_count(2)
    expect(bulk).to_have_count(0)
    toast(page, "2 runs archived").get_by_role("button", name="Undo").click()
    expect(lines).to_have_count(4)


def test_all_that_match_go_at_once_and_stand_in_a_view_of_their_own(
    page: Page, flow: str, axe: Axe, shot: Shot
) -> None:
    live = start(page, waiter(page, "Goes on", 600_000), labels={"of": flow})
    run = start(page, flow, labels={"of": flow})
    ended(page, run)
    page.goto(f"/runs?orchestratorId={flow}")
    lines = rows(page)
    expect(lines).to_have_count(5)
    lines.nth(1).get_by_role("checkbox").click()
    page.get_by_role("toolbar", name="Selected runs").get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("radio", name="All that match the filter").click()
    dialog = page.get_by_role("dialog", name="Archive 4 runs")
    dialog.get_by_role("button", name="Archive 4 runs").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", name="All its runs are archived")).to_be_visible()
    in_both_themes(page, axe, shot, "archive-all")
    page.get_by_role("link", name="Show them").click()
    expect(page).to_have_url(re.compile("archived=true"))
    expect(lines).to_have_count(5)
    expect(page.get_by_role("button", name="Remove the filter: archived")).to_be_visible()
    in_both_themes(page, axe, shot, "archive-view")

    page.get_by_role("button", name="Query as text").click()
    words = page.get_by_role("textbox", name="Query")
    expect(words).to_have_value(re.compile("is:archived$"))
    words.fill(f"is:archived label:of:{flow}")
    words.press("Enter")
    expect(lines).to_have_count(2)
    words.fill(f"label:of:{flow}")
    words.press("Enter")
    expect(lines).to_have_count(2)  # the one that goes on
    expect(lines.nth(1)).to_contain_text("Goes on")
    page.get_by_role("button", name="Query as text").click()
    lines.nth(1).get_by_role("checkbox").click()
    bulk = page.get_by_role("toolbar", name="Selected runs")
    expect(bulk.get_by_role("button", name="Archive")).to_be_disabled()

    page.goto(f"/runs/{run}")
    line = page.get_by_role("region", name="Archived")
    expect(line).to_contain_text("leave this run out")
    in_both_themes(page, axe, shot, "archive-run")
    line.get_by_role("button", name="Unarchive").click()
    expect(line).to_have_count(0)
    page.goto(f"/runs?orchestratorId={flow}")
    expect(lines).to_have_count(2)
    page.request.post(f"{RUNS}/{live}/cancel", headers=ORIGIN)


def test_one_run_goes_and_comes_by_its_menu(page: Page, flow: str) -> None:
    page.goto(f"/runs?orchestratorId={flow}")
    lines = rows(page)
    expect(lines).to_have_count(4)
    for url, item in (
        (f"orchestratorId={flow}", "Archive"),
        (f"orchestratorId={flow}&archived=true", "Unarchive"),
    ):
        page.goto(f"/runs?{url}")
        expect(lines.nth(1)).to_be_visible()
        before = lines.count()
        lines.nth(1).focus()
        page.keyboard.press(".")
        page.get_by_role("menuitem", name=item, exact=True).click()
        expect(lines).to_have_count(before - 1 if before > 2 else 0)


def test_what_waits_for_its_reader_has_a_view(page: Page, axe: Axe, shot: Shot) -> None:
    name = f"Asks me {uuid4().hex[:6]}"
    run = start(page, waiter(page, name, 600_000))
    page.goto("/runs")
    view = page.get_by_role("navigation", name="Views").get_by_role(
        "button", name=re.compile("^Waiting for me")
    )
    view.click()
    expect(page).to_have_url(re.compile("waitingForMe=true"))
    expect(view).to_have_attribute("aria-current", "page")
    mine = rows(page).filter(has_text=name)
    expect(mine).to_have_count(1)
    in_both_themes(page, axe, shot, "archive-waiting")
    page.request.post(f"{RUNS}/{run}/cancel", headers=ORIGIN)
    expect(mine).to_have_count(0)
    page.goto("/runs?waitingForMe=true&since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z")
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    in_both_themes(page, axe, shot, "archive-no-waiting")


def test_an_orchestrator_that_never_ran_shows_the_call_that_starts_it(
    page: Page, axe: Axe, shot: Shot
) -> None:
    flow = waiter(page, f"Never ran {uuid4().hex[:6]}", 600_000)
    saved = page.request.get(f"/api/v1/orchestrator/{flow}").json()
    definition = {**saved["definition"], "examples": [{"name": "one", "inputs": {"order": "it's 7"}}]}
    page.request.put(f"/api/v1/orchestrator/{flow}", data={"definition": definition}, headers=ORIGIN)
    page.goto(f"/runs?orchestratorId={flow}")
    expect(page.get_by_role("heading", name="has not run yet")).to_be_visible()
    call = page.get_by_text(re.compile("^curl "))
    expect(call).to_contain_text(f"/api/v1/orchestrator/{flow}/run")
    expect(page.get_by_role("button", name="Copy the address")).to_be_visible()
    expect(page.get_by_role("button", name="Copy the curl line")).to_be_visible()
    in_both_themes(page, axe, shot, "archive-never")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "archive-never-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]

    # What a shell makes of it is a call that the server takes.
    words = shlex.split(call.inner_text())
    assert words[:3] == ["curl", "-X", "POST"] and words[-2] == "-d"
    started = page.request.post(
        f"/api/v1/orchestrator/{flow}/run",
        data=words[-1],
        headers={**ORIGIN, "Content-Type": "application/json"},
    )
    assert started.status == 202 and started.json()["inputs"] == {"order": "it's 7"}
    page.request.post(f"{RUNS}/{started.json()['id']}/cancel", headers=ORIGIN)
    expect(rows(page)).to_have_count(2)

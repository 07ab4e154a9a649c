"""The list of runs and one run: found, followed, looked into, cancelled and repeated, as a person does it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import Product

ORIGIN = {"Sec-Fetch-Site": "same-origin"}


def waiter(page: Page, name: str, timeout: int) -> str:
    """An orchestrator that maps its input, then waits for a callback for `timeout` milliseconds."""
    steps = [
        (
            "note",
            "DataMapper",
            "Note",
            {"mappings": [{"from": "data.order", "to": "order", "default": "A-1"}]},
        ),
        ("ok", "WaitForCallback", "Ask the buyer", {"timeout": timeout}),
    ]
    nodes = [
        {"id": key, "type": kind, "position": {"x": 0, "y": 0}, "data": {"label": label, "config": config}}
        for key, kind, label, config in steps
    ]
    edges = [{"id": "note-ok", "source": "note", "target": "ok", "sourceHandle": "out"}]
    definition = {"version": 1, "nodes": nodes, "edges": edges}
    made = page.request.post(
        "/api/v1/orchestrator", data={"name": name, "definition": definition}, headers=ORIGIN
    )
    assert made.status == 201, made.text()
    return made.json()["id"]


def start(page: Page, orchestrator: str, **body: Any) -> str:
    started = page.request.post(
        f"/api/v1/orchestrator/{orchestrator}/run", data={"inputs": {}, **body}, headers=ORIGIN
    )
    assert started.status == 202, started.text()
    return started.json()["id"]


def in_both_themes(page: Page, axe: Axe, shot: Shot, name: str) -> None:
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        shot(page, f"{name}-{theme}")
        axe(page)


def test_a_run_is_looked_into_step_by_step(page: Page, product: Product, axe: Axe, shot: Shot) -> None:
    page.goto(f"/runs/{start(page, product.sample)}")
    timeline = page.get_by_role("list", name="Timeline")
    expect(timeline.get_by_role("listitem")).to_have_count(9)
    expect(page.locator("h1 + *")).to_have_text(re.compile("Completed"), timeout=40_000)
    timeline.get_by_role("button", name=re.compile("^Price the order")).click()
    expect(page).to_have_url(re.compile("node=price"))
    panel = page.get_by_role("region", name="Step Price the order")
    expect(panel.get_by_role("link", name="Open in n8n")).to_be_visible()
    expect(panel.get_by_text("exact")).to_be_visible()
    panel.get_by_role("tab", name="Attempts").click()
    expect(panel.get_by_text("Request as sent").first).to_be_visible()
    expect(panel.get_by_text("200", exact=True).first).to_be_visible()
    in_both_themes(page, axe, shot, "run-step")
    page.reload()
    expect(panel.get_by_role("tab", name="Attempts")).to_have_attribute("aria-selected", "true")
    page.get_by_role("radio", name="List").click()
    expect(page.get_by_role("table", name="Steps").get_by_role("row")).to_have_count(10)
    page.keyboard.press("Escape")
    lines = page.get_by_role("list", name="Log lines").get_by_role("listitem")
    page.get_by_label("Search the log").fill("waits for a callback")
    expect(page.get_by_text("1/1", exact=True)).to_be_visible()
    expect(lines.filter(has_text="waits for a callback")).to_be_visible()
    in_both_themes(page, axe, shot, "run-list")


def test_a_waiting_run_is_found_and_cancelled(page: Page, axe: Axe, shot: Shot) -> None:
    run = start(page, waiter(page, "Waits long", 600_000), labels={"team": "sales"})
    page.goto("/runs?label=team:sales")
    row = page.get_by_role("table", name="Runs").get_by_role("row", name=re.compile("Waits long"))
    expect(row).to_contain_text("Waiting")
    row.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(run))
    waits = page.get_by_role("list", name="Waiting for")
    expect(waits).to_contain_text("Ask the buyer waits for a callback")
    expect(waits.get_by_role("button", name="Copy callback address")).to_be_visible()
    in_both_themes(page, axe, shot, "run-waiting")
    page.get_by_role("button", name="Cancel run").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel run").click()
    expect(page.locator("h1 + *")).to_have_text("Cancelled")
    expect(waits).to_have_count(0)


def test_a_failed_run_is_found_and_repeated(page: Page, axe: Axe, shot: Shot) -> None:
    start(page, waiter(page, "Gives up", 100))
    page.goto("/runs?q=Gives")
    row = page.get_by_role("table", name="Runs").get_by_role("row", name=re.compile("Gives up"))
    expect(row).to_contain_text("Failed")  # the list renews itself
    states = page.get_by_role("group", name="Status")
    states.get_by_role("button", name="Failed").click()
    expect(page).to_have_url(re.compile("FAILED"))
    page.reload()
    expect(row).to_have_count(1)
    states.get_by_role("button", name="Completed").click()
    states.get_by_role("button", name="Failed").click()
    expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    page.get_by_role("button", name="Clear filters").first.click()
    expect(row).to_be_visible()
    in_both_themes(page, axe, shot, "runs")

    row.get_by_role("button", name=re.compile("Actions of run")).click()
    page.get_by_role("menuitem", name=re.compile("Re-run")).click()
    dialog = page.get_by_role("dialog")
    plan = dialog.get_by_role("list", name="What each step will do").get_by_role("listitem")
    expect(plan.filter(has_text="Ask the buyer")).to_contain_text("run again")
    expect(plan.filter(has_text="Note")).to_contain_text("reuse")
    in_both_themes(page, axe, shot, "run-again")
    dialog.get_by_role("button", name="Close").first.click()
    page.get_by_role("region", name="Failure").get_by_role("button", name="Open step").click()
    expect(page.get_by_role("region", name="Step Ask the buyer")).to_be_visible()
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "run-failed-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    before = page.url
    page.get_by_role("button", name="Re-run …").click()
    dialog.get_by_role("button", name="Start re-run").click()
    expect(page).not_to_have_url(re.compile(re.escape(before.split("?")[0])))
    expect(dialog).to_have_count(0)
    expect(
        page.get_by_role("definition").filter(has=page.get_by_role("link", name=re.compile(r"^#\d+$")))
    ).to_be_visible()

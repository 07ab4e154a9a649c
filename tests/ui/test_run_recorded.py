"""A run repeated from what it recorded; a step's states in order; the drawing as a tab of the run; what else can be done."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, Route, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import Product
from tests.ui.test_run_detail import NUMBER, TEXT, chain, ended, made, number, rows, save
from tests.ui.test_runs import in_both_themes, start

INPUTS = {"amount": "12.5", "customer": "Ada"}


def test_a_run_is_repeated_from_what_it_recorded(page: Page, axe: Axe, shot: Shot) -> None:
    flow = made(page, "Recorded orders", chain(page, "quick_conf", TEXT))
    page.goto(f"/runs/{start(page, flow, inputs=INPUTS)}")
    ended(page, "Failed")
    failed = number(page)
    save(page, flow, chain(page, "quick_conf", NUMBER))
    page.get_by_role("button", name="Re-run …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="From").click()
    page.get_by_role("option", name="The start").click()
    dialog.get_by_role("radio", name=re.compile("Latest")).click()
    plan = dialog.get_by_role("list", name="What each step will do").get_by_role("listitem")
    expect(plan.filter(has_text="Load orders")).to_contain_text("call again")
    dialog.get_by_role("checkbox", name="Recorded mode: call nobody").click()
    expect(plan.filter(has_text="Load orders")).to_contain_text("nobody is called")
    expect(plan.filter(has_text="Amount")).to_contain_text("run again")
    in_both_themes(page, axe, shot, "recorded-dialog")
    dialog.get_by_role("button", name="Start recorded re-run").click()
    expect(page.get_by_text("Recorded, nobody called")).to_be_visible()
    ended(page, "Completed")
    rows(page).filter(has_text="Load orders").get_by_role("button").first.click()
    step = page.get_by_role("region", name="Step Load orders")
    expect(step.get_by_text("recorded in the run before")).to_be_visible()
    step.get_by_role("tab", name="Log").click()
    expect(step.get_by_text(re.compile("nobody was called"))).to_be_visible()
    in_both_themes(page, axe, shot, "recorded-run")
    page.get_by_role("link", name=failed, exact=True).click()
    ended(page, "Failed")
    expect(page.get_by_role("definition").filter(has_text=re.compile(r"^#\d+$"))).to_be_visible()
    page.goto("/runs?trigger=recorded")
    expect(page.get_by_text("Recorded re-run").first).to_be_visible()


def delays(page: Page) -> str:
    nodes = [
        {
            "id": name.lower(),
            "type": "Delay",
            "position": {"x": 312 * place, "y": 0},
            "data": {"label": name, "config": {"duration": 150}},
        }
        for place, name in enumerate(("First", "Second", "Third"))
    ]
    edges = [
        {"id": "a", "source": "first", "target": "second"},
        {"id": "b", "source": "second", "target": "third"},
    ]
    return made(page, "Drawn beside", {"version": 1, "nodes": nodes, "edges": edges})


def test_the_drawing_is_a_tab_with_the_same_step(page: Page, axe: Axe, shot: Shot) -> None:
    run_id = start(page, delays(page))
    page.goto(f"/runs/{run_id}?node=second")
    ended(page, "Completed")
    step = page.get_by_role("region", name="Step Second")
    history = step.get_by_role("list", name="Status history").get_by_role("listitem")
    expect(history).to_have_text([re.compile("Running"), re.compile(r"Waiting.*\d"), re.compile("Completed")])
    page.get_by_role("radio", name="Canvas").click()
    expect(page).to_have_url(re.compile("view=canvas"))
    drawing = page.locator(".react-flow")
    card = drawing.locator(".react-flow__node")
    expect(card).to_have_count(3)
    expect(card.filter(has_text="Second")).to_have_class(re.compile("selected"))
    expect(card.filter(has_text="Third").locator("[data-status=COMPLETED]")).to_be_visible()
    in_both_themes(page, axe, shot, "detail-canvas")
    page.get_by_role("button", name="Show everything").click()
    card.filter(has_text="Third").click()
    expect(page.get_by_role("region", name="Step Third")).to_be_visible()
    expect(page).to_have_url(re.compile("node=third"))
    page.get_by_role("slider", name="Time in the run").focus()
    page.keyboard.press("Home")
    expect(card.filter(has_text="Third").locator("[data-status=COMPLETED]")).to_have_count(0)
    page.get_by_role("radio", name="List").click()
    selected = page.get_by_role("table", name="Steps").get_by_role("button", name="Third")
    expect(selected).to_have_attribute("aria-current", "true")
    page.get_by_role("radio", name="Canvas").click()
    page.reload()
    expect(card.filter(has_text="Third")).to_have_class(re.compile("selected"))
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "detail-canvas-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_what_else_can_be_done_with_a_run(page: Page, axe: Axe, shot: Shot) -> None:
    flow = delays(page)
    run_id = start(page, flow)
    page.goto(f"/runs/{run_id}")
    ended(page, "Completed")
    expect(page.get_by_role("definition").filter(has_text=run_id)).to_be_visible()
    more = page.get_by_role("button", name="More", exact=True)
    in_both_themes(page, axe, shot, "detail-head")
    more.click()
    expect(page.get_by_role("menuitem", name="Open the orchestrator")).to_be_visible()
    shot(page, "detail-more")
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Export as JSON").click()
    assert json.loads(download.value.path().read_text())["id"] == run_id
    more.click()
    page.get_by_role("menuitem", name="Change labels …").click()
    labels = page.get_by_role("dialog")
    labels.get_by_label("Labels").fill("team")
    expect(labels.get_by_text("is not a key and a value")).to_be_visible()
    expect(labels.get_by_role("button", name="Save labels")).to_be_disabled()
    labels.get_by_label("Labels").fill("team:blue")
    labels.get_by_role("button", name="Save labels").click()
    expect(page.get_by_text("team:blue")).to_be_visible()
    more.click()
    page.get_by_role("menuitem", name="Open on the canvas").click()
    expect(page).to_have_url(re.compile(rf"/orchestrators/{flow}\?run={run_id}"))


def test_a_key_counts_from_the_first_moment_of_a_screen(page: Page, product: Product) -> None:
    """Who may do what is known before the screen is there, however late it is told."""
    held: list[Route] = []
    page.route("**/api/v1/session", lambda route: held.append(route))
    with page.expect_response(re.compile(rf"/api/v1/orchestrator/{product.sample}$")):
        page.goto(f"/orchestrators/{product.sample}")
    expect(page.locator(".react-flow")).to_have_count(0)
    while held:
        held.pop().continue_()
    page.locator(".react-flow__node").first.wait_for()
    page.keyboard.press("n")
    expect(page.get_by_label("Search nodes and remote workflows")).to_be_focused()

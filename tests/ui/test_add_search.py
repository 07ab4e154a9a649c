"""The search of the Add panel finds remote workflows below the kinds of nodes, and adds them ready to run."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, Route, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_canvas_edit import drawn, middle, saved, undo, wires
from tests.ui.test_orchestrator import delay, node


def searched(page: Page, text: str) -> Locator:
    """The panel with what is found for these words."""
    page.keyboard.press("n")
    panel = page.get_by_role("complementary", name="Add a node")
    panel.get_by_label("Search nodes and remote workflows").fill(text)
    return panel


def test_enter_adds_a_workflow_ready_to_run_and_wires_it(page: Page, axe: Axe, shot: Shot) -> None:
    found = drawn(page, "Search adds", [delay("First", 0)], [])
    node(page, "First").click()
    panel = searched(page, "@n8n lead")
    remote = panel.get_by_role("region", name="Remote workflows").get_by_role("button")
    expect(remote).to_have_count(1)
    expect(remote).to_contain_text("Route a lead")
    expect(remote).to_contain_text("Active · webhook · Sandbox n8n")
    expect(panel.get_by_role("button", name=re.compile("^Delay"))).to_have_count(0)
    axe(page)
    shot(page, "add-search-light")
    page.emulate_media(color_scheme="dark")
    axe(page)
    shot(page, "add-search-dark")
    panel.get_by_label("Search nodes and remote workflows").press("Enter")
    expect(page.locator("[aria-label='Wire from First, port out, to Route a lead']")).to_have_count(1)
    nodes = saved(page, found)
    made = next(each for each in nodes.values() if each["type"] == "RemoteWebhook")
    config, imported = made["data"]["config"], made["data"]["imported"]
    assert (config["provider"], config["workflowId"]) == ("n8n", "wfRoute")
    assert config["connectionId"] and imported["fingerprint"]
    undo(page, "Add Route a lead")
    expect(wires(page)).to_have_count(0)
    expect(page.locator(".react-flow__node")).to_have_count(1)


def test_with_shift_it_is_added_unconnected(page: Page) -> None:
    drawn(page, "Search unconnected", [delay("First", 0)], [])
    node(page, "First").click()
    searched(page, "@n8n lead").get_by_label("Search nodes and remote workflows").press("Shift+Enter")
    expect(node(page, "Route a lead")).to_be_visible()
    expect(wires(page)).to_have_count(0)


def test_kinds_stand_above_and_arrows_lead_to_the_workflows(page: Page, shot: Shot) -> None:
    drawn(page, "Search both", [delay("First", 0), delay("Second", 480)], [("first", "second")])
    page.mouse.move(*middle(wires(page)))
    page.get_by_role("button", name="Insert a node on the wire from First to Second").click()
    panel = page.get_by_role("complementary", name="Add a node")
    search = panel.get_by_label("Search nodes and remote workflows")
    search.fill("order")
    remote = panel.get_by_role("region", name="Remote workflows").get_by_role("button")
    expect(remote.nth(3)).to_be_visible()
    expect(remote.filter(has_text="Sandbox Apache Airflow").first).to_be_visible()
    expect(remote.filter(has_text="Sandbox Make").first).to_be_visible()
    shot(page, "add-search-all")
    search.fill("price an")
    expect(remote.first).to_contain_text("Price an order")  # not the list of the words before
    search.press("ArrowDown")
    expect(remote.first).to_be_focused()
    remote.first.press("ArrowUp")
    expect(search).to_be_focused()
    search.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(wires(page)).to_have_count(2)  # between the two that it was asked for
    undo(page, "Insert Price an order")


def test_a_row_that_is_not_among_the_new_results_gives_the_focus_back(page: Page) -> None:
    drawn(page, "Search again", [delay("First", 0)], [])
    panel = searched(page, "order")
    search = panel.get_by_label("Search nodes and remote workflows")
    remote = panel.get_by_role("region", name="Remote workflows").get_by_role("button")
    expect(remote.nth(3)).to_be_visible()
    held: list[Route] = []
    page.route("**/orchestrator/workflows?*q=lead*", lambda route: held.append(route))
    with page.expect_request("**/orchestrator/workflows?*q=lead*"):
        search.fill("lead")
    page.keyboard.press("ArrowDown")
    expect(remote.first).to_be_focused()  # of the words before, which still stand there
    held[0].continue_()
    expect(remote.first).to_contain_text("Enrich a lead")
    expect(search).to_be_focused()


def test_a_platform_that_there_is_not_is_said(page: Page, axe: Axe, shot: Shot) -> None:
    drawn(page, "Search nothing", [delay("First", 0)], [])
    panel = searched(page, "@nowhere lead")
    expect(panel).to_contain_text("No platform is called so.")
    panel.get_by_label("Search nodes and remote workflows").fill("there is no such thing")
    expect(panel).to_contain_text("No workflow of the platforms fits.")
    axe(page)


def test_it_is_there_on_a_narrow_screen(page: Page, shot: Shot) -> None:
    drawn(page, "Search narrow", [delay("First", 0)], [])
    searched(page, "lead")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    expect(page.get_by_role("region", name="Remote workflows").get_by_role("button").first).to_be_visible()
    shot(page, "add-search-narrow")

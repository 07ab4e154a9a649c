"""The walks that a person takes, without a mouse: a platform connected, one of its workflows brought in, fed and tested; a run
mended, run again from where it failed, and held against the last good one. Nothing is focused but by keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.test_canvas_edit import drawn
from tests.ui.test_canvas_keyboard import focus, tab_to, write
from tests.ui.test_connections import address
from tests.ui.test_orchestrator import SAME_ORIGIN, delay, node, stored
from tests.ui.test_runs_list import ended

ORDER = {"order": {"number": "A-7", "items": [{"sku": "A1", "quantity": 2, "price": 12}]}}


def press(page: Page, target: Locator) -> None:
    tab_to(page, target)
    page.keyboard.press("Enter")


def down_to(page: Page, target: Locator) -> None:
    """By key: along a list or a menu, until the focus is there."""
    expect(target).to_be_visible()
    for _ in range(40):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError("it is not reached by the arrow")


def go(page: Page, key: str, title: str) -> None:
    page.keyboard.press("g")
    page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def connected(page: Page, name: str) -> None:
    """A second n8n of this name, from the list of connections."""
    press(page, page.get_by_role("button", name="Add connection"))
    press(page, page.get_by_role("dialog").get_by_role("button", name="n8n"))
    dialog = page.get_by_role("dialog", name="Connect n8n")
    tab_to(page, dialog.get_by_label("Address").first)
    write(page, address(page))
    tab_to(page, dialog.get_by_label("API key"))
    write(page, "sandbox-n8n-key")
    tab_to(page, dialog.get_by_label("May call private networks"))
    page.keyboard.press("Space")
    press(page, dialog.get_by_role("button", name="Test connection"))
    expect(dialog.get_by_role("status")).to_contain_text("n8n answers")
    tab_to(page, dialog.get_by_label("Name"))
    write(page, name)
    press(page, dialog.get_by_role("button", name="Save connection"))
    expect(page.get_by_role("article", name=name)).to_contain_text("Active")


@pytest.fixture
def one_n8n_again(page: Page) -> Iterator[None]:
    """The other tests find the platforms as they were: drawings that name no connection mean the only one."""
    yield
    found = page.request.get("/api/v1/orchestrator/connections?limit=200").json()["items"]
    for each in found:
        if each["name"] == "n8n by keys":
            url = f"/api/v1/orchestrator/connections/{each['id']}?force=true"
            assert page.request.delete(url, headers=SAME_ORIGIN).ok


@pytest.mark.usefixtures("one_n8n_again")
def test_connected_browsed_brought_in_mapped_and_tested(page: Page, axe: Axe, shot: Shot) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    go(page, "c", "Connections")
    connected(page, "n8n by keys")
    expect(page.get_by_role("button", name="Add connection")).to_be_focused()

    go(page, "w", "Workflows")
    tab_to(page, page.get_by_role("searchbox").first)
    write(page, "price an")
    rows = page.get_by_role("row", name=re.compile("Price an order"))
    mine = rows.filter(has_text="n8n by keys")
    expect(mine).to_be_visible()
    tab_to(page, rows.first)
    down_to(page, mine)
    page.keyboard.press("Enter")
    press(page, page.get_by_role("button", name="Add to canvas"))
    dialog = page.get_by_role("dialog", name="Add Price an order")
    tab_to(page, dialog.get_by_label("Name"))
    write(page, "Priced by keys")
    page.keyboard.press("Enter")
    expect(node(page, "Price an order")).to_be_visible()
    expect(page.get_by_role("complementary", name="Price an order")).to_be_visible()

    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.get_by_label("Search nodes and remote workflows")).to_be_focused()
    write(page, "map data")
    page.keyboard.press("Shift+Enter")  # not behind it, but before
    expect(node(page, "Map data")).to_be_visible()
    focus(page, "Map data")
    page.keyboard.press("c")
    expect(page.get_by_role("combobox", name="Connect Map data to")).to_be_focused()
    page.keyboard.type("price")
    page.keyboard.press("Enter")
    expect(page.locator("[aria-label='Wire from Map data, port out, to Price an order']")).to_have_count(1)
    expect(node(page, "Map data")).to_be_focused()

    page.keyboard.press("Control+Enter")  # once, so that there is something to map
    start = page.get_by_role("dialog", name="Run")
    tab_to(page, start.get_by_role("textbox", name="Inputs"))
    write(page, json.dumps(ORDER))
    press(page, start.get_by_role("button", name=re.compile("Start run|Save and run")))
    bar = page.get_by_role("region", name="Run", exact=True)
    expect(bar.get_by_role("status")).to_have_text(re.compile("Completed|Failed"), timeout=30_000)

    focus(page, "Map data")
    page.keyboard.press("Enter")
    panel = page.locator("[data-panel=canvas-node]")
    expect(panel).to_be_focused()
    for count, field in enumerate(("data.order.items", "data.order.number"), 1):
        press(page, panel.get_by_role("button", name=f"Insert {field} into…"))
        down_to(page, page.get_by_role("menuitem", name="a new mapping"))
        page.keyboard.press("Enter")
        expect(panel.get_by_label(f"From, mapping {count}")).to_have_value(field)
    expect(panel.get_by_role("region", name="Result on the sample")).to_contain_text("A-7")
    axe(page)
    shot(page, "walk-keys-mapped")

    page.keyboard.press("Escape")
    focus(page, "Price an order")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Price an order")).to_be_focused()
    press(page, panel.get_by_role("button", name="Test up to here"))
    expect(bar.get_by_role("status")).to_have_text("Completed", timeout=30_000)
    expect(node(page, "Price an order")).to_have_attribute("aria-label", re.compile("completed"))
    focus(page, "Price an order")
    page.keyboard.press("Enter")
    output = page.get_by_role("region", name="Output", exact=True)
    fold = output.get_by_role("button", name="Output", exact=True)
    expect(page.get_by_role("complementary", name="Price an order")).to_be_focused()
    page.keyboard.press("o")
    expect(fold).to_be_focused()
    if fold.get_attribute("aria-expanded") == "false":
        page.keyboard.press("Enter")
    expect(output.get_by_role("list", name="Output")).to_be_visible()
    shot(page, "walk-keys-tested")


def test_mended_run_again_from_there_and_held_against_the_last_good_one(
    page: Page, axe: Axe, shot: Shot
) -> None:
    page.emulate_media(color_scheme="dark")
    until = "2026-01-31T09:00:00Z"
    first, second = delay("Prepare", 0), delay("Load", 320)
    second["data"]["config"] = {"until": until}
    found = drawn(page, "Loads by night", [first, second], [("prepare", "load")])
    run: dict[str, Any] = {"data": {"inputs": {"batch": 1}}, "headers": SAME_ORIGIN}
    good = page.request.post(f"/api/v1/orchestrator/{found}/run", **run).json()
    ended(page, good["id"])
    definition = stored(page, found)["definition"]
    definition["nodes"][1]["data"]["config"] = {"until": "never"}
    page.request.put(f"/api/v1/orchestrator/{found}", data={"definition": definition}, headers=SAME_ORIGIN)
    broken = page.request.post(f"/api/v1/orchestrator/{found}/run", **run).json()
    ended(page, broken["id"])

    page.goto(f"/orchestrators/{found}")
    expect(node(page, "Load")).to_be_visible()
    focus(page, "Load")
    page.keyboard.press("Enter")
    panel = page.locator("[data-panel=canvas-node]")
    expect(panel).to_be_focused()
    tab_to(page, panel.get_by_role("textbox", name="Until"))
    write(page, until)
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)

    go(page, "r", "Runs")
    line = page.get_by_role("table", name="Runs").get_by_role("row", name=re.compile("Loads by night"))
    tab_to(page, page.get_by_role("table", name="Runs").get_by_role("row").nth(1))
    down_to(page, line.filter(has_text="Failed").first)
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name=re.compile(r"^Re-run #\d+"))
    expect(dialog.get_by_role("combobox", name="From")).to_have_text("What failed")
    tab_to(page, dialog.get_by_role("radio", name="Same, 2"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("radio", name="Latest, 3")).to_be_checked()
    again = dialog.get_by_role("button", name="Start re-run")
    expect(again).to_be_enabled()
    press(page, again)
    expect(page.locator("h1 + *")).to_have_text("Completed")
    timeline = page.get_by_role("list", name="Timeline")
    expect(timeline.get_by_role("button", name=re.compile("^Prepare"))).to_contain_text("Kept")

    press(page, page.get_by_role("button", name="Compare"))
    down_to(page, page.get_by_role("menuitem", name=re.compile(f"#{good['number']}")).first)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"compare={good['id']}"))
    expect(page.get_by_role("heading", name=re.compile(f"#{good['number']}")).first).to_be_visible()
    axe(page)
    shot(page, "walk-keys-compared-dark")

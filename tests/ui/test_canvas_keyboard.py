"""The canvas without a mouse: three nodes built, wired, set up, saved and run; every other key of drawing."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.test_canvas_edit import drawn, saved, wires
from tests.ui.test_orchestrator import SAME_ORIGIN, delay, node, stored


def focus(page: Page, name: str) -> None:
    """By key: find the node, which gives it the focus."""
    page.keyboard.press("Control+f")
    page.get_by_role("combobox", name="Find a node").fill(name)
    page.keyboard.press("Enter")
    expect(node(page, name)).to_be_focused()


def tab_to(page: Page, field: Locator) -> None:
    """By key: on, until the focus is there."""
    expect(field).to_be_visible()
    for _ in range(60):
        page.keyboard.press("Tab")
        if field.evaluate("field => field === document.activeElement"):
            return
    raise AssertionError("the field is not reached by Tab")


def test_built_wired_set_saved_and_run_by_keys_alone(page: Page, shot: Shot) -> None:
    body: dict[str, Any] = {"name": "By keys", "definition": {"version": 1, "nodes": [], "edges": []}}
    made = page.request.post("/api/v1/orchestrator", data=body, headers=SAME_ORIGIN).json()
    page.goto(f"/orchestrators/{made['id']}")
    expect(page.get_by_role("application", name="Canvas")).to_be_visible()
    search = page.get_by_label("Search kinds of nodes")
    for count in (1, 2, 3):
        if count == 1:
            page.keyboard.press("n")
        expect(search).to_be_focused()
        search.fill("delay")
        search.press("Enter")
        expect(page.locator(".react-flow__node")).to_have_count(count)
        search.focus()
    expect(wires(page)).to_have_count(2)  # each was wired to the one before

    for name in ("delay", "delay2", "delay3"):
        page.keyboard.press("Control+f")
        page.get_by_role("combobox", name="Find a node").fill(name)
        page.keyboard.press("Enter")
        expect(page.locator(f".react-flow__node[data-id={name}]")).to_be_focused()
        page.keyboard.press("Enter")
        amount = page.get_by_label("For", exact=True)
        tab_to(page, amount)
        page.keyboard.press("Control+a")
        page.keyboard.type("0")
        expect(page.locator(f".react-flow__node[data-id={name}]").get_by_role("img")).to_have_count(0)
    shot(page, "canvas-by-keys")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved")).to_have_count(0)
    definition = stored(page, made["id"])["definition"]
    assert [edge["source"] for edge in definition["edges"]] == ["delay", "delay2"]
    assert [each["data"]["config"]["duration"] for each in definition["nodes"]] == [0, 0, 0]
    page.keyboard.press("Control+Enter")
    page.get_by_role("dialog").get_by_role("button", name="Start run").press("Enter")
    expect(page).to_have_url(re.compile("run="))


def test_every_key_of_drawing(page: Page, axe: Axe, shot: Shot) -> None:
    found = drawn(
        page,
        "Keys",
        [delay("First", 0), delay("Second", 320), delay("Third", 640)],
        [("first", "second"), ("second", "third")],
    )
    focus(page, "First")
    expect(node(page, "First")).to_have_attribute("aria-label", "First, Delay, step 1 of 3, at the start")
    page.keyboard.press("ArrowRight")
    expect(node(page, "Second")).to_be_focused()
    expect(node(page, "Second")).to_have_attribute("aria-label", re.compile("step 2 of 3, after First$"))
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("Alt+Shift+ArrowDown")
    assert saved(page, found)["second"]["position"]["y"] == 72
    page.keyboard.press("Control+z")
    assert saved(page, found)["second"]["position"]["y"] == 0  # a burst is one step

    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".react-flow__node.selected")).to_have_count(2)
    page.keyboard.press("d")
    expect(page.get_by_role("img", name="Switched off")).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(page.get_by_role("img", name="Switched off")).to_have_count(0)

    focus(page, "Second")
    page.keyboard.press("F2")
    name = page.get_by_role("textbox", name="New name")
    name.fill("Middle")
    name.press("Enter")
    expect(node(page, "Middle")).to_be_focused()
    page.keyboard.press("Control+Delete")
    expect(page.locator("[aria-label='Wire from First, port out, to Third']")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(wires(page)).to_have_count(2)

    focus(page, "First")
    page.keyboard.press("c")
    page.get_by_role("combobox", name="Connect First to").fill("third")
    page.keyboard.press("Enter")
    expect(wires(page)).to_have_count(3)
    focus(page, "Third")
    page.keyboard.press("Control+d")
    expect(page.locator(".react-flow__node")).to_have_count(4)
    page.keyboard.press("Delete")
    expect(page.locator(".react-flow__node")).to_have_count(3)

    page.keyboard.press("0")
    expect(page.get_by_role("button", name=re.compile("^Zoom 100 %"))).to_be_visible()
    page.keyboard.press("-")
    expect(page.get_by_role("button", name=re.compile("^Zoom 83 %"))).to_be_visible()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys of the canvas")
    expect(keys).to_contain_text("Delete, and reconnect the neighbours")
    axe(page)
    shot(page, "canvas-keys")
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)


def test_the_outline_edits_by_keys(page: Page, axe: Axe, shot: Shot) -> None:
    found = drawn(page, "Listed", [delay("First", 0), delay("Second", 320)], [])
    page.goto(f"/orchestrators/{found}?panel=outline")
    outline = page.get_by_role("complementary", name="Outline")
    first = outline.locator("[data-line=first]")
    expect(outline.get_by_role("button", name="Actions for First")).to_be_visible()
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(outline.locator("[data-line=second]")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(outline.locator("[data-line]").first).to_have_attribute("data-line", "second")
    expect(outline.locator("[data-line=second]")).to_be_focused()
    page.keyboard.press("F2")
    name = outline.get_by_role("textbox", name="New name")
    name.fill("Later")
    name.press("Enter")
    first.focus()
    page.keyboard.press("c")
    page.get_by_role("combobox", name="Connect First to").fill("later")
    page.keyboard.press("Enter")
    expect(outline.get_by_role("list", name="First leads to")).to_contain_text("Later")
    axe(page)
    shot(page, "canvas-outline")
    disconnect = outline.get_by_role("button", name="Disconnect First from Later")
    disconnect.press("Enter")
    expect(wires(page)).to_have_count(0)
    first.focus()
    page.keyboard.press("Delete")
    expect(node(page, "First")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(node(page, "First")).to_be_visible()
    assert [each["id"] for each in saved(page, found).values()] == ["second", "first"]

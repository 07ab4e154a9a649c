"""The canvas without a mouse: three nodes built, wired, set up, saved and run; every other key of drawing."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.site import Product
from tests.ui.test_canvas_edit import drawn, saved, wires
from tests.ui.test_orchestrator import SAME_ORIGIN, delay, node, stored
from tests.ui.test_runs_list import ended


def write(page: Page, text: str) -> None:
    """By key: in the place of what is in the field that has the focus."""
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def focus(page: Page, name: str) -> None:
    """By key: find the node, which gives it the focus."""
    page.keyboard.press("Control+f")
    expect(page.get_by_role("combobox", name="Find a node")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(node(page, name)).to_be_focused()


def tab_to(page: Page, field: Locator, *, back: bool = False) -> None:
    """By key: on, until the focus is there."""
    expect(field).to_be_visible()
    for _ in range(80):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if field.evaluate("field => field === document.activeElement"):
            return
    raise AssertionError("it is not reached by Tab")


def go_to(page: Page, words: str, *, option: str | None = None, exact: bool = False) -> None:
    """By key: through the palette. `exact`: not to a run of what is called so."""
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Go to or do")
    expect(palette.get_by_role("combobox")).to_be_focused()
    page.keyboard.type(words)
    if exact:
        expect(palette.get_by_role("option", name=words, exact=True)).to_be_visible()
        page.keyboard.press("Home")
    expect(palette.get_by_role("option", name=option or words, exact=exact, selected=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(palette).to_have_count(0)


def run_by_key(page: Page) -> Locator:
    """Starts it with what the dialog offers. Returns the bar that says how it goes."""
    page.keyboard.press("Control+Enter")
    start = page.get_by_role("dialog", name="Run").get_by_role(
        "button", name=re.compile("Start run|Save and run")
    )
    tab_to(page, start)
    page.keyboard.press("Enter")
    bar = page.get_by_role("region", name="Run", exact=True)
    expect(bar).to_be_visible()
    return bar


def test_built_wired_set_saved_run_and_read_by_keys_alone(page: Page, shot: Shot) -> None:
    """From an empty drawing to the output of its last step; nothing is focused but by keys."""
    body: dict[str, Any] = {"name": "By keys", "definition": {"version": 1, "nodes": [], "edges": []}}
    made = page.request.post("/api/v1/orchestrator", data=body, headers=SAME_ORIGIN).json()
    page.goto(f"/orchestrators/{made['id']}")
    expect(page.get_by_role("application", name="Canvas")).to_be_visible()
    page.keyboard.press("n")
    for count in (1, 2, 3):
        expect(page.get_by_label("Search nodes and remote workflows")).to_be_focused()
        write(page, "delay")
        page.keyboard.press("Enter")
        expect(page.locator(".react-flow__node")).to_have_count(count)
    expect(wires(page)).to_have_count(2)  # each was wired to the one before

    for name in ("delay", "delay2", "delay3"):
        page.keyboard.press("Control+f")
        expect(page.get_by_role("combobox", name="Find a node")).to_be_focused()
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        expect(page.locator(f".react-flow__node[data-id={name}]")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("[data-panel=canvas-node]")).to_be_focused()
        tab_to(page, page.get_by_label("For", exact=True))
        write(page, "0")
        expect(page.locator(f".react-flow__node[data-id={name}]").get_by_role("img")).to_have_count(0)
    shot(page, "canvas-by-keys")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved")).to_have_count(0)
    definition = stored(page, made["id"])["definition"]
    assert [edge["source"] for edge in definition["edges"]] == ["delay", "delay2"]
    assert [each["data"]["config"]["duration"] for each in definition["nodes"]] == [0, 0, 0]

    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog", name="Run")
    tab_to(page, dialog.get_by_role("textbox", name="Inputs"))
    write(page, '{"said": "by keys"}')
    tab_to(page, dialog.get_by_role("button", name="Start run"))
    page.keyboard.press("Enter")
    bar = page.get_by_role("region", name="Run", exact=True)
    expect(bar.get_by_role("status")).to_have_text("Completed", timeout=20_000)
    page.keyboard.press("Control+f")
    expect(page.get_by_role("combobox", name="Find a node")).to_be_focused()
    page.keyboard.type("delay3")
    page.keyboard.press("Enter")
    expect(page.locator(".react-flow__node[data-id=delay3]")).to_be_focused()
    page.keyboard.press("Enter")
    output = page.get_by_role("region", name="Output", exact=True)
    fold = output.get_by_role("button", name="Output", exact=True)
    tab_to(page, fold)
    if fold.get_attribute("aria-expanded") == "false":
        page.keyboard.press("Enter")
    expect(output.get_by_role("list", name="Output")).to_contain_text("by keys")
    shot(page, "canvas-by-keys-read")
    page.keyboard.press("Escape")
    expect(page.locator(".react-flow__node[data-id=delay3]")).to_be_focused()


def test_the_sample_chain_run_and_read_by_keys(page: Page, product: Product, axe: Axe, shot: Shot) -> None:
    """The first walk-through without a mouse, in the dark: from Home to the end of the chain over all platforms."""
    page.emulate_media(color_scheme="dark")
    name: str = page.request.get(f"/api/v1/orchestrator/{product.sample}").json()["name"]
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    go_to(page, name, exact=True)
    expect(node(page, "Price the order")).to_be_visible()
    bar = run_by_key(page)
    expect(bar.get_by_role("status")).to_have_text("Completed", timeout=30_000)
    focus(page, "Price the order")
    expect(node(page, "Price the order")).to_have_attribute("aria-label", re.compile("completed"))
    page.keyboard.press("Enter")
    fold = page.get_by_role("region", name="Output", exact=True).get_by_role(
        "button", name="Output", exact=True
    )
    tab_to(page, fold)
    if fold.get_attribute("aria-expanded") == "false":
        page.keyboard.press("Enter")
    expect(
        page.get_by_role("region", name="Output", exact=True).get_by_role("list", name="Output")
    ).to_be_visible()
    axe(page)
    shot(page, "canvas-walk-dark")
    # At 200 % zoom half as many pixels of the page fit on the screen: panels are sheets, the outline is the editor.
    page.set_viewport_size({"width": 720, "height": 450})
    axe(page)
    shot(page, "canvas-walk-dark-zoomed")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 720


def test_what_broke_found_and_run_again_by_keys(page: Page, shot: Shot) -> None:
    """The third and fourth walk-throughs without a mouse: from Home to the step that failed; mended on the canvas, run again from
    there."""
    step = {**delay("Broken", 0), "data": {"label": "Broken", "config": {"until": "never"}}}
    found = drawn(page, "Breaks by night", [step], [])
    run = page.request.post(
        f"/api/v1/orchestrator/{found}/run", data={"inputs": {}}, headers=SAME_ORIGIN
    ).json()
    ended(page, run["id"])
    page.goto("/")
    group = (
        page.get_by_role("list", name="Failures by kind")
        .get_by_role("listitem")
        .filter(has_text="Breaks by night")
    )
    tab_to(page, group.get_by_role("link").first)
    page.keyboard.press("Enter")
    line = page.get_by_role("table", name="Runs").get_by_role("row", name=re.compile("Breaks by night"))
    tab_to(page, line)
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Failure")).to_contain_text("is not a moment")
    shot(page, "run-broken-by-keys")

    go_to(page, "Breaks by night")
    expect(node(page, "Broken")).to_be_visible()
    focus(page, "Broken")
    page.keyboard.press("Enter")
    panel = page.locator("[data-panel=canvas-node]")
    expect(panel).to_be_focused()
    tab_to(page, panel.get_by_role("textbox", name="Until"))
    write(page, "2026-01-31T09:00:00Z")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved")).to_have_count(0)
    assert stored(page, found)["definition"]["nodes"][0]["data"]["config"]["until"] == "2026-01-31T09:00:00Z"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("r")
    tab_to(page, line)
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Re-run …"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=re.compile(r"^Re-run #\d+"))
    tab_to(page, dialog.get_by_role("radio", name="Same, 1"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("radio", name="Latest, 2")).to_be_checked()
    again = dialog.get_by_role("button", name="Start re-run")
    expect(again).to_be_enabled()
    tab_to(page, again)
    page.keyboard.press("Enter")
    expect(page.locator("h1 + *")).to_have_text("Completed")
    shot(page, "run-mended-by-keys")


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
    expect(page.get_by_role("textbox", name="New name")).to_be_focused()
    write(page, "Middle")
    page.keyboard.press("Enter")
    expect(node(page, "Middle")).to_be_focused()
    page.keyboard.press("Control+Delete")
    expect(page.locator("[aria-label='Wire from First, port out, to Third']")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(wires(page)).to_have_count(2)

    focus(page, "First")
    page.keyboard.press("c")
    expect(page.get_by_role("combobox", name="Connect First to")).to_be_focused()
    page.keyboard.type("third")
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
    tab_to(page, first)
    page.keyboard.press("ArrowDown")
    expect(outline.locator("[data-line=second]")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(outline.locator("[data-line]").first).to_have_attribute("data-line", "second")
    expect(outline.locator("[data-line=second]")).to_be_focused()
    page.keyboard.press("F2")
    expect(outline.get_by_role("textbox", name="New name")).to_be_focused()
    write(page, "Later")
    page.keyboard.press("Enter")
    expect(outline.locator("[data-line=second]")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("c")
    expect(page.get_by_role("combobox", name="Connect First to")).to_be_focused()
    page.keyboard.type("later")
    page.keyboard.press("Enter")
    expect(outline.get_by_role("list", name="First leads to")).to_contain_text("Later")
    axe(page)
    shot(page, "canvas-outline")
    tab_to(page, outline.get_by_role("button", name="Disconnect First from Later"))
    page.keyboard.press("Enter")
    expect(wires(page)).to_have_count(0)
    tab_to(page, first, back=True)
    page.keyboard.press("Delete")
    expect(node(page, "First")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(node(page, "First")).to_be_visible()
    assert [each["id"] for each in saved(page, found).values()] == ["second", "first"]

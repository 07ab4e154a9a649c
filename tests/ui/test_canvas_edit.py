"""Drawing with the pointer: adding, wires, groups and notes, undo, the clipboard, and a viewer who may only look."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_orchestrator import delay, node, stored

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


def drawn(
    page: Page, name: str, nodes: list[dict[str, Any]], wires: list[tuple[str, str]], **more: Any
) -> str:
    """A new orchestrator with these nodes and wires, open; its id."""
    edges = [
        {"id": f"{source}-{target}", "source": source, "target": target, "sourceHandle": "out"}
        for source, target in wires
    ]
    body = {"name": name, "definition": {"version": 1, "nodes": nodes, "edges": edges, **more}}
    answer = page.request.post("/api/v1/orchestrator", data=body, headers=SAME_ORIGIN)
    assert answer.status == 201, answer.text()
    found = answer.json()["id"]
    page.goto(f"/orchestrators/{found}")
    expect(page.locator(".react-flow__node")).to_have_count(len(nodes))
    return found


def wires(page: Page) -> Locator:
    return page.locator(".react-flow__edge")


def undo(page: Page, what: str) -> None:
    page.get_by_role("button", name=f"Undo: {what}", exact=True).click()


def middle(found: Locator) -> tuple[float, float]:
    box = found.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 2, start[1] + 2)  # where a drag begins, the node is taken
    page.mouse.move(start[0] + by[0] / 2, start[1] + by[1] / 2, steps=4)
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=4)
    page.mouse.up()


def saved(page: Page, orchestrator: str) -> dict[str, dict[str, Any]]:
    """The stored nodes by id, after a save."""
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved")).to_have_count(0)
    return {each["id"]: each for each in stored(page, orchestrator)["definition"]["nodes"]}


def test_from_the_palette_to_a_place_and_onto_a_wire(page: Page, shot: Shot) -> None:
    found = drawn(page, "Palette", [delay("First", 0), delay("Second", 400)], [("first", "second")])
    page.keyboard.press("n")
    palette = page.get_by_role("complementary", name="Add a node")
    kind = palette.get_by_role("button", name=re.compile("^Condition"))
    expect(kind).to_be_visible()  # the panel takes its width from the canvas
    canvas = page.locator(".react-flow__pane")
    box = canvas.bounding_box()
    assert box is not None
    kind.drag_to(canvas, target_position={"x": box["width"] / 2, "y": 90})
    expect(page.locator(".react-flow__node")).to_have_count(3)
    expect(wires(page)).to_have_count(1)
    undo(page, "Add Condition")
    expect(page.locator(".react-flow__node")).to_have_count(2)

    x, y = middle(wires(page))
    palette.get_by_role("button", name=re.compile("^Delay")).drag_to(
        canvas, target_position={"x": x - box["x"], "y": y - box["y"]}
    )
    expect(wires(page)).to_have_count(2)
    expect(page.locator("[aria-label='Wire from Delay, port out, to Second']")).to_have_count(1)
    shot(page, "canvas-inserted")
    nodes = saved(page, found)
    assert nodes["second"]["position"]["x"] >= nodes["delay"]["position"]["x"] + 232  # it made room
    undo(page, "Insert Delay")
    expect(wires(page)).to_have_count(1)


def test_a_wire_offers_to_insert_and_to_delete(page: Page, shot: Shot) -> None:
    drawn(page, "Offers", [delay("First", 0), delay("Second", 400)], [("first", "second")])
    page.mouse.move(*middle(wires(page)))
    offer = page.get_by_role("button", name="Insert a node on the wire from First to Second")
    expect(offer).to_be_visible()
    shot(page, "canvas-wire-offers")
    offer.click()
    palette = page.get_by_role("complementary", name="Add a node")
    expect(palette).to_contain_text("Between First and Second")
    palette.get_by_label("Search nodes and remote workflows").press("Enter")
    expect(wires(page)).to_have_count(2)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary")).to_have_count(0)
    page.get_by_role("button", name="Show everything").click()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.mouse.move(*middle(wires(page).last))
    page.get_by_role("button", name=re.compile("^Delete the wire from")).click()
    expect(wires(page)).to_have_count(1)
    undo(page, "Disconnect")
    expect(wires(page)).to_have_count(2)


def test_a_lone_node_dropped_on_a_wire_is_inserted(page: Page) -> None:
    lone = {**delay("Lone", 200), "position": {"x": 200, "y": 240}}
    drawn(page, "Lone", [delay("First", 0), delay("Second", 480), lone], [("first", "second")])
    start, wire = middle(node(page, "Lone")), middle(wires(page))
    drag(page, start, (wire[0] - start[0], wire[1] - start[1]))
    expect(wires(page)).to_have_count(2)
    undo(page, "Insert Lone")
    expect(wires(page)).to_have_count(1)


def test_a_wire_dropped_on_nothing_keeps_its_link(page: Page) -> None:
    drawn(page, "Loose", [delay("First", 0), delay("Second", 400)], [])
    start = middle(node(page, "First").locator(".react-flow__handle.source"))
    drag(page, start, (60, 180))
    palette = page.get_by_role("complementary", name="Add a node")
    expect(palette).to_contain_text("After First")
    search = palette.get_by_label("Search nodes and remote workflows")
    search.fill("condition")
    search.press("Enter")
    expect(page.locator("[aria-label='Wire from First, port out, to Condition']")).to_have_count(1)
    # And a wire may end anywhere on a card.
    drag(
        page, middle(node(page, "Condition").locator(".react-flow__handle.source").first), (30, 10)
    )  # nothing there
    page.keyboard.press("Escape")
    page.locator(".react-flow__pane").dblclick(position={"x": 40, "y": 60})
    expect(palette).to_contain_text("Where you clicked")


def test_a_group_moves_what_stands_in_it(page: Page, axe: Axe, shot: Shot) -> None:
    found = drawn(
        page,
        "Grouped",
        [delay("First", 0), delay("Second", 320), delay("Third", 640)],
        [("first", "second"), ("second", "third")],
    )
    node(page, "First").click()
    node(page, "Second").click(modifiers=["Control"])
    page.keyboard.press("Control+g")
    name = page.get_by_label("Name of the group")
    name.fill("Prepare")
    name.press("Enter")
    group = page.locator(".react-flow__node-frame")
    expect(group).to_contain_text("Prepare")
    page.keyboard.press("Shift+S")
    text = page.get_by_role("textbox", name=re.compile("^Text of"))
    text.fill("# Careful\nCalls the **real** shop")
    page.locator(".react-flow__pane").click(position={"x": 20, "y": 20})
    expect(page.locator(".react-flow__node-note strong")).to_have_text("real")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        axe(page)
        shot(page, f"canvas-group-{theme}")

    before = saved(page, found)
    grip = group.locator("[data-grip]").bounding_box()
    assert grip is not None
    drag(page, (grip["x"] + 200, grip["y"] + 10), (0, 96))
    after = saved(page, found)
    moved = {
        each: after[each]["position"]["y"] - before[each]["position"]["y"]
        for each in before
        if each != "note"
    }
    assert moved["group"] == moved["first"] == moved["second"] > 0 == moved["third"]
    undo(page, "Move Prepare")
    assert {key: each["position"] for key, each in saved(page, found).items()} == {
        key: each["position"] for key, each in before.items()
    }
    group.locator("[data-grip]").click()
    page.keyboard.press("Control+Shift+G")
    expect(group).to_have_count(0)
    expect(page.locator(".react-flow__node")).to_have_count(4)


def test_undo_of_a_drag_and_of_a_setting(page: Page) -> None:
    found = drawn(page, "Undone", [delay("First", 0), delay("Second", 400)], [])
    drag(page, middle(node(page, "Second")), (0, 160))
    assert saved(page, found)["second"]["position"]["y"] > 0
    undo(page, "Move Second")
    assert saved(page, found)["second"]["position"]["y"] == 0
    node(page, "First").click()
    field = page.get_by_role("complementary", name="First").get_by_role("textbox", name="Name").first
    field.fill("Renamed")
    expect(node(page, "Renamed")).to_be_visible()
    page.get_by_role("button", name="What was done").click()
    page.get_by_role("dialog", name="What was done").get_by_role("listitem").first.click()
    expect(node(page, "First")).to_be_visible()


def test_the_clipboard_holds_text_without_secrets(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    headers = {"Authorization": "Bearer abc123", "Accept": "text/plain"}
    drawn(page, "Copied", [delay("First", 0, headers=headers), delay("Second", 400)], [("first", "second")])
    node(page, "First").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    text = page.evaluate("navigator.clipboard.readText()")
    assert "abc123" not in text
    assert json.loads(text)["nodes"][0]["data"]["config"]["headers"]["Accept"] == "text/plain"
    page.keyboard.press("Control+v")
    expect(page.locator(".react-flow__node")).to_have_count(4)
    expect(wires(page)).to_have_count(2)
    undo(page, "Paste 2 nodes")
    expect(page.locator(".react-flow__node")).to_have_count(2)


def test_alt_drag_duplicates_and_marquee_selects(page: Page) -> None:
    drawn(page, "Doubled", [delay("First", 0), delay("Second", 400)], [])
    start = middle(node(page, "First"))
    page.keyboard.down("Alt")
    drag(page, start, (0, 200))
    page.keyboard.up("Alt")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    undo(page, "Duplicate First")
    page.get_by_role("button", name="Select", exact=True).click()
    box = page.locator(".react-flow__pane").bounding_box()
    assert box is not None
    drag(page, (box["x"] + 8, box["y"] + 8), (box["width"] - 260, box["height"] - 100))
    expect(page.locator(".react-flow__node.selected")).to_have_count(2)


def test_a_long_chain_opens_at_its_beginning(page: Page, shot: Shot) -> None:
    """Large enough to be read; the overview shows where the rest is, and is gone once all of it is in view."""
    overview = page.get_by_role("img", name="Overview")
    steps = [delay(f"Step{number}", number * 312) for number in range(7)]
    drawn(page, "Long", steps, [(f"step{at}", f"step{at + 1}") for at in range(6)])
    expect(page.get_by_role("button", name=re.compile("^Zoom 75 %"))).to_be_visible()
    expect(node(page, "Step0")).to_be_in_viewport(ratio=0.99)
    expect(overview).to_be_visible()
    shot(page, "canvas-long")
    page.keyboard.press("1")
    expect(node(page, "Step6")).to_be_in_viewport(ratio=0.99)
    expect(overview).to_have_count(0)
    shot(page, "canvas-long-whole")
    drawn(page, "Placed", [delay("First", 0)], [], viewport={"x": 300, "y": 200, "zoom": 1.5})
    expect(page.get_by_role("button", name=re.compile("^Zoom 150 %"))).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_viewer_looks_only(page: Page, theme: str, axe: Axe, shot: Shot) -> None:
    found = drawn(page, "Looked at", [delay("First", 0), delay("Second", 400)], [("first", "second")])

    def viewer(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "role": "viewer"})

    page.route("**/api/v1/session", viewer)
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    page.goto(f"/orchestrators/{found}?panel=outline")
    expect(node(page, "First")).to_be_visible()
    page.mouse.move(*middle(wires(page)))
    for name in ("Add a note", "Actions for First", "Insert a node on the wire from First to Second"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    start = node(page, "First").bounding_box()
    drag(page, middle(node(page, "First")), (0, 120))
    page.keyboard.press("Delete")
    expect(page.locator(".react-flow__node")).to_have_count(2)
    expect(page.get_by_text("Not saved")).to_have_count(0)
    assert start is not None
    axe(page)
    shot(page, f"canvas-viewer-{theme}")
    page.unroute_all(behavior="ignoreErrors")


def test_on_a_narrow_screen_the_outline_edits(page: Page, axe: Axe, shot: Shot) -> None:
    found = drawn(page, "Narrow", [delay("First", 0), delay("Second", 400)], [])
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    page.goto(f"/orchestrators/{found}?panel=outline")
    outline = page.get_by_role("complementary", name="Outline")
    outline.get_by_role("button", name="Actions for First").click()
    page.get_by_role("menuitem", name="Connect to …").click()
    page.get_by_role("option", name=re.compile("Second")).click()
    expect(outline.get_by_role("list", name="First leads to")).to_contain_text("Second")
    axe(page)
    shot(page, "canvas-narrow-outline")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved")).to_have_count(0)
    assert len(stored(page, found)["definition"]["edges"]) == 1

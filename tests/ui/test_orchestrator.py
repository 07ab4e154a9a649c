"""The list of orchestrators and the canvas, as a person uses them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import Product

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


def node(page: Page, name: str) -> Locator:
    return page.locator(".react-flow__node").filter(has_text=name)


def made(page: Page, name: str, nodes: list[dict[str, Any]]) -> str:
    """A new orchestrator, by the API; its id."""
    body = {"name": name, "definition": {"version": 1, "viewport": {"zoom": 1}, "nodes": nodes, "edges": []}}
    answer = page.request.post("/api/v1/orchestrator", data=body, headers=SAME_ORIGIN)
    assert answer.status == 201, answer.text()
    return answer.json()["id"]


def delay(name: str, x: int, **config: Any) -> dict[str, Any]:
    data = {"label": name, "config": {"duration": 10, **config}}
    return {"id": name.lower(), "type": "Delay", "position": {"x": x, "y": 0}, "data": data, "own": "kept"}


def stored(page: Page, orchestrator: str) -> dict[str, Any]:
    return page.request.get(f"/api/v1/orchestrator/{orchestrator}").json()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_canvas_is_accessible(page: Page, product: Product, theme: str, axe: Axe, shot: Shot) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    page.goto(f"/orchestrators/{product.sample}?panel=outline")
    expect(node(page, "Price the order")).to_be_visible()
    expect(page.get_by_role("button", name="No problems")).to_be_visible()
    axe(page)
    page.get_by_role("complementary", name="Outline").locator("[data-line=ship]").click()
    expect(page.get_by_role("textbox", name="Name", exact=True).last).to_have_value("Ship it")
    axe(page)
    shot(page, f"canvas-{theme}")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    shot(page, f"canvas-{theme}-narrow")


def test_drawing_wiring_and_saving(page: Page, shot: Shot) -> None:
    orchestrator = made(page, "Drawn", [delay("First", 0), delay("Second", 320)])
    page.goto(f"/orchestrators/{orchestrator}")
    out = node(page, "First").locator(".react-flow__handle.source")
    into = node(page, "Second").locator(".react-flow__handle.target")
    out.drag_to(into)
    expect(page.locator(".react-flow__edge")).to_have_count(1)
    node(page, "Second").locator(".react-flow__handle.source").drag_to(
        node(page, "First").locator(".react-flow__handle.target")
    )
    expect(page.get_by_text("That would be a circle")).to_be_visible()
    expect(page.locator(".react-flow__edge")).to_have_count(1)

    node(page, "Second").click()
    page.keyboard.press("n")
    search = page.get_by_label("Search nodes and remote workflows")
    search.fill("condition")
    search.press("Enter")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    expect(page.locator(".react-flow__edge")).to_have_count(2)
    shot(page, "canvas-add")
    page.get_by_role("button", name="Undo: Add Condition").click()
    expect(page.locator(".react-flow__node")).to_have_count(2)
    page.get_by_role("button", name="Redo: Add Condition").click()
    expect(page.locator(".react-flow__node")).to_have_count(3)

    before = node(page, "Condition").bounding_box()
    assert before is not None
    page.mouse.move(before["x"] + 60, before["y"] + 20)
    page.mouse.down()
    page.mouse.move(before["x"] + 60, before["y"] + 140, steps=6)
    page.mouse.up()
    expect(page.get_by_role("button", name="Undo: Move Condition")).to_be_visible()
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved")).to_have_count(0)
    found = stored(page, orchestrator)
    assert found["revision"] == 2
    first, _, condition = found["definition"]["nodes"]
    assert condition["position"]["y"] > 0 == first["position"]["y"]
    assert first["own"] == "kept" and found["definition"]["viewport"] == {"zoom": 1}
    assert [edge["source"] for edge in found["definition"]["edges"]] == ["first", "second"]


def test_settings_keys_and_a_conflict(page: Page) -> None:
    orchestrator = made(page, "Contested", [delay("First", 0), delay("Second", 320)])
    page.goto(f"/orchestrators/{orchestrator}")
    node(page, "First").click()
    page.keyboard.press("ArrowRight")
    panel = page.get_by_role("complementary", name="Second")
    expect(panel).to_be_visible()
    panel.get_by_label("Name", exact=True).fill("Later")
    expect(node(page, "Later")).to_be_visible()
    page.request.put(f"/api/v1/orchestrator/{orchestrator}", data={"name": "Theirs"}, headers=SAME_ORIGIN)
    page.keyboard.press("Control+s")
    conflict = page.get_by_role("dialog")
    expect(conflict).to_contain_text("newer revision")
    conflict.get_by_role("button", name="Overwrite with mine").click()
    expect(conflict).to_have_count(0)
    found = stored(page, orchestrator)
    assert (found["revision"], found["name"]) == (3, "Contested")
    node(page, "First").click()
    page.keyboard.press("Delete")
    expect(page.locator(".react-flow__node")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(page.locator(".react-flow__node")).to_have_count(2)


def test_a_run_is_shown_on_the_cards(page: Page, product: Product, axe: Axe, shot: Shot) -> None:
    page.goto(f"/orchestrators/{product.sample}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Start run").click()
    expect(page).to_have_url(re.compile("run="))
    expect(node(page, "Ship it").locator("[data-status=COMPLETED]")).to_be_visible(timeout=30_000)
    axe(page)
    shot(page, "canvas-run")
    expect(node(page, "Ask for approval")).to_be_in_viewport(ratio=0.95, timeout=20_000)  # it is followed
    page.reload()
    expect(node(page, "Price the order").locator("[data-status=COMPLETED]")).to_be_visible()
    page.get_by_role("region", name="Run", exact=True).get_by_role("link", name=re.compile("^Run ")).click()
    expect(page).to_have_url(re.compile("/runs/"))


def test_the_list_duplicates_carries_and_deletes(page: Page, tmp_path: Path) -> None:
    made(page, "Carried", [delay("First", 0)])
    page.goto("/orchestrators?q=Carried")
    page.get_by_role("button", name="Actions for Carried", exact=True).click()
    page.get_by_role("menuitem", name="Duplicate").click()
    expect(page.get_by_role("row", name=re.compile(r"Carried \(copy\)"))).to_be_visible()
    page.get_by_role("button", name="Actions for Carried", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Export as JSON").click()
    kept = tmp_path / "carried.json"
    download.value.save_as(kept)
    assert json.loads(kept.read_text())["definition"]["nodes"][0]["own"] == "kept"
    page.get_by_role("button", name="Actions for Carried (copy)", exact=True).click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Delete 1 orchestrator").click()
    expect(page.get_by_role("row", name=re.compile(r"Carried \(copy\)"))).to_have_count(0)
    page.get_by_label("File to import").set_input_files(kept)
    expect(node(page, "First")).to_be_visible()

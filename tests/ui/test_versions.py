"""Saving, versions and what was not saved: as one person does it, and two at the same time."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, WIDE, Axe, Shot

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
CLOCK = re.compile(r"Saved \d\d:\d\d:\d\d")


def delay(name: str, x: int, duration: int = 10) -> dict[str, Any]:
    data = {"label": name, "config": {"duration": duration}}
    return {"id": name.lower(), "type": "Delay", "position": {"x": x, "y": 0}, "data": data}


def graph(*nodes: dict[str, Any]) -> dict[str, Any]:
    ids = [each["id"] for each in nodes]
    edges = [
        {"id": f"{source}-{target}", "source": source, "target": target}
        for source, target in itertools.pairwise(ids)
    ]
    return {"version": 1, "nodes": list(nodes), "edges": edges}


def made(page: Page, name: str, *nodes: dict[str, Any]) -> str:
    answer = page.request.post(
        "/api/v1/orchestrator", data={"name": name, "definition": graph(*nodes)}, headers=SAME_ORIGIN
    )
    assert answer.status == 201, answer.text()
    return answer.json()["id"]


def saved(page: Page, orchestrator: str, *nodes: dict[str, Any]) -> None:
    """Somebody saves, elsewhere."""
    answer = page.request.put(
        f"/api/v1/orchestrator/{orchestrator}", data={"definition": graph(*nodes)}, headers=SAME_ORIGIN
    )
    assert answer.status == 200, answer.text()


def stored(page: Page, orchestrator: str) -> dict[str, Any]:
    return page.request.get(f"/api/v1/orchestrator/{orchestrator}").json()


def node(page: Page, name: str) -> Locator:
    return page.locator(".react-flow__node").filter(has_text=name)


def mark(page: Page, name: str) -> Locator:
    return node(page, name).locator("[data-mark]")


def nudge(page: Page, name: str) -> None:
    """Moves a node by the keyboard: a change of the drawing."""
    node(page, name).focus()
    node(page, name).click()
    page.keyboard.press("Escape")
    node(page, name).click()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.get_by_text("Not saved")).to_be_visible()


def in_both_themes(page: Page, axe: Axe, shot: Shot, name: str) -> None:
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        shot(page, f"{name}-{theme}")
        axe(page)


def test_an_earlier_revision_is_compared_and_restored(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Versioned", delay("First", 0), delay("Second", 320), delay("Third", 640))
    saved(page, orchestrator, delay("First", 0, 99), delay("Second", 400), delay("Fourth", 720))
    page.goto(f"/orchestrators/{orchestrator}?panel=versions")
    versions = page.get_by_role("list", name="Versions")
    expect(versions.get_by_role("listitem")).to_have_count(2)
    expect(versions.get_by_role("listitem").first).to_contain_text("Current")
    in_both_themes(page, axe, shot, "versions")

    versions.get_by_role("button", name=re.compile("^Revision 1")).click()
    expect(page).to_have_url(re.compile("revision=1"))
    banner = page.get_by_role("region", name="Earlier revision")
    expect(banner).to_contain_text("Revision 1 (current 2)")
    expect(node(page, "Third")).to_be_visible()
    expect(node(page, "Fourth")).to_have_count(0)
    node(page, "Third").click()
    expect(page.get_by_role("complementary", name="Third")).to_be_visible()
    expect(page.get_by_role("button", name="Delete node")).to_have_count(0)
    page.keyboard.press("Escape")
    in_both_themes(page, axe, shot, "revision")
    page.reload()
    expect(banner).to_be_visible()
    expect(versions).to_be_visible()

    banner.get_by_role("button", name="Compare with current").click()
    for name, word in (("First", "changed"), ("Second", "moved"), ("Third", "removed"), ("Fourth", "added")):
        expect(mark(page, name)).to_have_attribute("data-mark", word)
    expect(page.locator(".react-flow__edge.added")).to_have_count(1)
    expect(page.locator(".react-flow__edge.removed")).to_have_count(1)
    changes = page.get_by_role("complementary", name="Changes")
    first = changes.get_by_role("list", name="Changed nodes").get_by_role("listitem").filter(has_text="First")
    expect(first).to_contain_text("config.duration")
    expect(first).to_contain_text(re.compile(r"before:.*10.*after:.*99"))
    in_both_themes(page, axe, shot, "comparison")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "comparison-narrow")
    page.set_viewport_size(WIDE)  # pyright: ignore[reportArgumentType]

    page.go_back() if "compare" not in page.url else page.get_by_role("button", name="Open current").click()
    expect(node(page, "Fourth")).to_be_visible()
    page.get_by_role("button", name="Restore revision 1").click()
    expect(page.get_by_text("Revision 1 is restored as revision 3")).to_be_visible()
    expect(node(page, "Third")).to_be_visible()
    found = stored(page, orchestrator)
    assert found["revision"] == 3
    assert [each["id"] for each in found["definition"]["nodes"]] == ["first", "second", "third"]


@pytest.mark.parametrize("way", ["compare", "overwrite", "copy"])
def test_two_tabs_save_the_same_drawing(page: Page, way: str, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, f"Contested {way}", delay("First", 0), delay("Second", 320))
    page.goto(f"/orchestrators/{orchestrator}")
    expect(node(page, "First")).to_be_visible()
    other = page.context.new_page()
    other.goto(f"/orchestrators/{orchestrator}")
    nudge(other, "Second")
    other.keyboard.press("Control+s")
    expect(other.get_by_text(CLOCK)).to_be_visible()
    other.close()

    nudge(page, "First")
    page.keyboard.press("Control+s")
    conflict = page.get_by_role("dialog")
    expect(conflict).to_contain_text("saved elsewhere")
    assert stored(page, orchestrator)["revision"] == 2
    if way == "compare":
        in_both_themes(page, axe, shot, "conflict")
        conflict.get_by_role("button", name="Compare").click()
        expect(conflict).to_have_count(0)
        expect(mark(page, "First")).to_have_attribute("data-mark", "moved")
        expect(mark(page, "Second")).to_have_attribute("data-mark", "moved")
        shot(page, "conflict-compared")
        page.get_by_role("button", name="Overwrite with mine").click()
    elif way == "overwrite":
        conflict.get_by_role("button", name="Overwrite with mine").click()
    else:
        conflict.get_by_role("button", name="Save mine as a copy").click()
        expect(page).not_to_have_url(re.compile(orchestrator))
        expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Contested copy (copy)")
        copy = page.url.rsplit("/", 1)[-1].split("?")[0]
        assert stored(page, copy)["definition"]["nodes"][0]["position"]["y"] == 8
        theirs = stored(page, orchestrator)
        assert theirs["revision"] == 2 and theirs["definition"]["nodes"][0]["position"]["y"] == 0
        return
    expect(page.get_by_text(CLOCK)).to_be_visible()
    found = stored(page, orchestrator)
    assert found["revision"] == 3
    assert [each["position"]["y"] for each in found["definition"]["nodes"]] == [8, 0]


def test_what_was_not_saved_is_offered_again(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Left alone", delay("First", 0), delay("Second", 320))
    page.goto(f"/orchestrators/{orchestrator}")
    expect(node(page, "First")).to_be_visible()
    expect(page.get_by_text("Not saved")).to_have_count(0)
    expect(page.locator(".react-flow__node.selected")).to_have_count(0)
    nudge(page, "First")
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Name", exact=True).fill("Found again")
    page.get_by_role("button", name="Description").click()
    page.get_by_role("dialog", name="Description").get_by_role("textbox").fill("What it is for")
    page.keyboard.press("Escape")

    page.get_by_role("link", name="Runs").first.click()
    leave = page.get_by_role("alertdialog")
    expect(leave).to_contain_text("not saved")
    leave.get_by_role("button", name="Keep").click()
    expect(node(page, "First")).to_be_visible()
    page.get_by_role("link", name="Runs").first.click()
    leave.get_by_role("button", name="Leave without saving").click()
    expect(page).to_have_url(re.compile("/runs$"))

    page.goto(f"/orchestrators/{orchestrator}")
    offer = page.get_by_role("region", name="Unsaved changes")
    expect(offer).to_be_visible()
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Left alone")
    in_both_themes(page, axe, shot, "draft")
    page.mouse.move(800, 650)
    page.mouse.down()
    page.mouse.move(700, 600, steps=4)
    page.mouse.up()
    view = page.locator(".react-flow__viewport").get_attribute("style") or ""
    assert "translate" in view
    offer.get_by_role("button", name="Restore").click()
    expect(offer).to_have_count(0)
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Found again")
    page.keyboard.press("Control+s")
    expect(page.get_by_text(CLOCK)).to_be_visible()
    found = stored(page, orchestrator)
    assert (found["revision"], found["name"], found["description"]) == (2, "Found again", "What it is for")
    assert found["definition"]["nodes"][0]["position"]["y"] == 8
    page.reload()
    expect(page.locator(".react-flow__viewport")).to_have_attribute("style", view)
    expect(page.get_by_text("Saved", exact=False).first).to_be_visible()
    expect(page.locator(".react-flow__node.selected")).to_have_count(0)
    expect(offer).to_have_count(0)


def test_what_was_not_saved_can_be_discarded(page: Page) -> None:
    orchestrator = made(page, "Discarded", delay("First", 0))
    page.goto(f"/orchestrators/{orchestrator}")
    nudge(page, "First")
    page.on("dialog", lambda dialog: dialog.accept())
    page.wait_for_function("id => localStorage.getItem(`baton:draft:${id}`) !== null", arg=orchestrator)
    page.reload()
    page.get_by_role("region", name="Unsaved changes").get_by_role("button", name="Discard").click()
    page.reload()
    expect(node(page, "First")).to_be_visible()
    expect(page.get_by_role("region", name="Unsaved changes")).to_have_count(0)


def test_a_problem_leads_to_its_field(page: Page, axe: Axe, shot: Shot) -> None:
    broken = delay("Broken", 0)
    broken["data"]["config"] = {"duration": "soon"}
    orchestrator = made(page, "Problematic", broken, delay("Fine", 320))
    page.goto(f"/orchestrators/{orchestrator}")
    page.get_by_role("button", name=re.compile(r"\d problems?$")).first.click()
    errors = page.get_by_role("region", name="1 error")
    expect(errors).to_contain_text("Broken")
    expect(errors).to_contain_text("duration")
    in_both_themes(page, axe, shot, "problems")
    errors.get_by_role("button", name="Go to").click()
    expect(page.get_by_role("complementary", name="Broken")).to_be_visible()
    page.wait_for_function("document.activeElement.closest('[data-field=\"/duration\"]') !== null")
    page.reload()
    expect(errors).to_be_visible()


def test_an_empty_canvas_and_one_that_cannot_be_loaded(page: Page, axe: Axe, shot: Shot) -> None:
    page.goto(f"/orchestrators/{made(page, 'Empty')}")
    empty = page.get_by_role("region", name="Nothing drawn yet")
    expect(empty).to_be_visible()
    in_both_themes(page, axe, shot, "empty")
    empty.get_by_role("button", name="Start from a remote workflow").click()
    expect(page.get_by_role("complementary", name="Remote workflows")).to_be_visible()
    empty.get_by_role("button", name="Add a step").click()
    expect(page.get_by_role("complementary", name="Add a node")).to_be_visible()
    empty.get_by_role("link", name="Try the sample").click()
    expect(node(page, "Price the order")).to_be_visible()
    page.goto("/orchestrators/00000000-0000-4000-8000-000000000000")
    failure = page.get_by_role("alert")
    expect(failure.get_by_text("This orchestrator cannot be shown")).to_be_visible(timeout=20_000)
    expect(failure.get_by_role("button", name="Copy request id")).to_be_visible()
    expect(failure.get_by_role("button", name="Try again")).to_be_visible()
    shot(page, "load-failure")

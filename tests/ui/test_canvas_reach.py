"""What the canvas owes to everybody: it says aloud how a run goes, lines cards up, and takes the keyboard where it takes the mouse."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_canvas_edit import SAME_ORIGIN, drag, drawn, middle, saved, undo
from tests.ui.test_canvas_keyboard import focus
from tests.ui.test_orchestrator import delay, node

API = "/api/v1/orchestrator"
# What the live region says, and when, by the page's own clock.
_LISTEN = """() => {
    window.heard = []
    const region = document.querySelector('[data-live]')
    new MutationObserver(() => region.textContent && window.heard.push([performance.now(), region.textContent]))
        .observe(region, { subtree: true, childList: true, characterData: true })
}"""


def test_a_run_is_said_aloud_and_not_too_often(page: Page) -> None:
    """Every end of a step and the end of the run is said, in at most one sentence each three seconds."""
    names = [f"Step{number}" for number in range(6)]
    # Long enough to be offered for watching while it goes on.
    steps = [delay(name, 312 * at, duration=1800) for at, name in enumerate(names)]
    wires = list(pairwise(name.lower() for name in names))
    found = drawn(page, "Said", steps, wires)
    page.evaluate(_LISTEN)
    started = page.request.post(f"{API}/{found}/run", data={"inputs": {}}, headers=SAME_ORIGIN)
    page.get_by_role("region", name="Run under way").get_by_role("button", name="Watch").click()
    expect(page.locator("[data-live]")).to_have_text(re.compile(r"Run \d+ completed"), timeout=30_000)
    heard: list[tuple[float, str]] = page.evaluate("() => window.heard")
    moments = [at for at, _ in heard]
    assert all(later - earlier >= 2900 for earlier, later in pairwise(moments)), heard
    assert any("steps done" in text for _, text in heard[:-1]), heard
    assert page.request.get(f"{API}/runs/{started.json()['id']}").json()["status"] == "COMPLETED"


def test_lines_show_where_a_dragged_card_lines_up(page: Page, shot: Shot) -> None:
    found = drawn(
        page, "Lines", [delay("First", 0), {**delay("Second", 400), "position": {"x": 400, "y": 160}}], []
    )
    guides = page.locator("[data-guide]")
    x, y = middle(node(page, "Second"))
    above = node(page, "First").bounding_box()
    assert above is not None
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 4, y)
    expect(guides).to_have_count(0)
    page.mouse.move(x + 40, above["y"] + above["height"] / 2, steps=6)
    expect(guides.first).to_be_visible()
    shot(page, "canvas-guides")
    page.mouse.up()
    expect(guides).to_have_count(0)
    assert saved(page, found)["second"]["position"]["y"] == 0


def test_tidying_a_selection_moves_nothing_else(page: Page) -> None:
    places = {"First": (0, 0), "Second": (400, 232), "Third": (120, 480), "Other": (800, 400)}
    steps = [{**delay(name, x), "position": {"x": x, "y": y}} for name, (x, y) in places.items()]
    found = drawn(page, "Tidied", steps, [("first", "second"), ("second", "third"), ("third", "other")])
    before = {step["id"]: step["position"] for step in steps}
    for name in ("First", "Second", "Third"):
        node(page, name).click(modifiers=["Shift"])
    expect(page.locator(".react-flow__node.selected")).to_have_count(3)
    page.get_by_role("button", name="Tidy up the selection").click()
    expect(page.get_by_role("button", name="Undo: Tidy up 3 nodes", exact=True)).to_be_enabled()
    after = {key: each["position"] for key, each in saved(page, found).items()}
    assert after["other"] == before["other"]
    row = [after[key] for key in ("first", "second", "third")]
    assert len({place["y"] for place in row}) == 1
    assert row[0]["x"] < row[1]["x"] < row[2]["x"]
    undo(page, "Tidy up 3 nodes")  # one step takes all of it back
    assert {key: each["position"] for key, each in saved(page, found).items()} == before


def test_panels_keep_the_size_they_were_drawn_to(page: Page) -> None:
    found = drawn(page, "Sized", [delay("First", 0)], [])
    page.goto(f"/orchestrators/{found}?panel=outline&node=first&drawer=log")
    sizes: dict[str, float] = {}
    parts: dict[str, tuple[Locator, Literal["width", "height"], tuple[float, float]]] = {
        "Width of Outline": (page.get_by_role("complementary", name="Outline"), "width", (64, 0)),
        "Width of First": (page.get_by_role("complementary", name="First"), "width", (-48, 0)),
        "Height of the drawer": (page.get_by_role("region", name="Drawer"), "height", (0, -56)),
    }
    for name, (part, side, by) in parts.items():
        before = part.bounding_box()
        assert before is not None
        drag(page, middle(page.get_by_role("separator", name=name)), by)
        grown = before[side] + abs(by[0] + by[1])
        expect(part).to_have_css(side, f"{grown:g}px")
        sizes[name] = grown
    page.reload()
    for name, (part, side, _) in parts.items():
        expect(part).to_have_css(side, f"{sizes[name]:g}px")


def test_nudges_are_saved_and_undone_like_drags(page: Page) -> None:
    found = drawn(page, "Nudged", [delay("First", 0), delay("Second", 400)], [("first", "second")])
    focus(page, "Second")
    for key in ("Alt+ArrowRight", "Alt+ArrowRight", "Alt+ArrowDown"):
        page.keyboard.press(key)
    expect(page.get_by_text("Not saved")).to_be_visible()
    assert saved(page, found)["second"]["position"] == {"x": 416, "y": 8}
    page.reload()
    expect(node(page, "Second")).to_be_visible()
    focus(page, "Second")
    page.keyboard.press("Alt+Shift+ArrowLeft")
    assert saved(page, found)["second"]["position"] == {"x": 352, "y": 8}
    undo(page, "Move Second")
    drag(page, middle(node(page, "Second")), (0, 160))
    undo(page, "Move Second")
    assert saved(page, found)["second"]["position"] == {"x": 416, "y": 8}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_outline_and_panel_leave_room_for_the_drawing(page: Page, theme: str, axe: Axe, shot: Shot) -> None:
    """Beside both there are three cards in view on a usual screen."""
    steps = [delay(f"Step{number}", number * 312) for number in range(7)]
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    found = drawn(page, "Room", steps, [(f"step{at}", f"step{at + 1}") for at in range(6)])
    page.goto(f"/orchestrators/{found}?panel=outline&node=step0")
    panel = page.get_by_role("complementary", name="Step0")
    expect(panel).to_be_visible()
    edge = panel.bounding_box()
    third = node(page, "Step2").bounding_box()
    assert edge is not None and third is not None
    assert third["x"] + third["width"] <= edge["x"]
    axe(page)
    shot(page, f"canvas-room-{theme}")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    shot(page, f"canvas-room-{theme}-narrow")


def test_a_step_that_ends_at_once_stays_over_the_drawing(page: Page) -> None:
    """However soon a test is over: the panel stays, its output comes, and it can be tested again."""
    config = {"mappings": [{"from": "run.id", "to": "run"}]}
    step = {
        "id": "quick",
        "type": "DataMapper",
        "position": {"x": 0, "y": 0},
        "data": {"label": "Quick", "config": config},
    }
    found = drawn(page, "Quick", [step], [])
    page.goto(f"/orchestrators/{found}?node=quick")
    button = page.get_by_role("button", name="Test step")
    output = page.get_by_role("region", name="Output", exact=True)
    for _ in range(5):
        with page.expect_response(re.compile("/test$")) as answer:
            button.click()
        expect(output.get_by_role("list", name="Output")).to_contain_text(answer.value.json()["id"])
        expect(button).to_be_enabled()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_visible()

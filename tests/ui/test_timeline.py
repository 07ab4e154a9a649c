"""The timeline of a run: what decided how long it took, idle time folded away, and a closer look."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_replay import SAME_ORIGIN
from tests.ui.test_replay import start as begin
from tests.ui.test_run_detail import made, rows
from tests.ui.test_runs import in_both_themes

DELAYS = {"Short pause": 100, "Long pause": 2500}


@pytest.fixture
def branched(page: Page) -> str:
    """A run, ended: two pauses side by side, and a step that waits for both."""
    mapper: dict[str, Any] = {"mappings": [{"from": "input", "to": "all"}]}
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("Begin", "DataMapper", mapper),
        *((name, "Delay", {"duration": ms}) for name, ms in DELAYS.items()),
        ("End", "DataMapper", {**mapper, "join": "all"}),
    ]
    nodes = [
        {
            "id": label.lower().replace(" ", "-"),
            "type": kind,
            "position": {"x": 280 * at, "y": 0},
            "data": {"label": label, "config": config},
        }
        for at, (label, kind, config) in enumerate(steps)
    ]
    ends = [(a, b) for pause in ("short-pause", "long-pause") for a, b in (("begin", pause), (pause, "end"))]
    edges = [{"id": f"{a}-{b}", "source": a, "target": b} for a, b in ends]
    flow = made(page, "Two pauses", {"version": 1, "nodes": nodes, "edges": edges})
    return begin(page, flow, wait=True)["id"]


def test_the_critical_path_is_underlined(page: Page, branched: str) -> None:
    page.goto(f"/runs/{branched}")
    expect(rows(page)).to_have_count(4)
    critical = rows(page).filter(has_text="on the critical path")
    expect(critical).to_have_count(3)
    expect(critical.filter(has_text="Short pause")).to_have_count(0)
    expect(page.get_by_text("which decided how long the run took")).to_be_visible()


def test_idle_time_is_folded_until_somebody_wants_it(page: Page, branched: str, axe: Axe, shot: Shot) -> None:
    page.goto(f"/runs/{branched}")
    idle = page.get_by_role("button", name=re.compile(r"^Show the \d.* s in which nothing ran$"))
    expect(idle).to_be_visible()
    in_both_themes(page, axe, shot, "timeline-folded")
    idle.click()
    expect(idle).to_have_count(0)
    shot(page, "timeline-unfolded")
    page.get_by_role("button", name="Fold idle time").click()
    expect(idle).to_be_visible()
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "timeline-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_a_stretch_is_looked_at_closer_and_left_again(page: Page, branched: str) -> None:
    page.goto(f"/runs/{branched}")
    page.get_by_role("button", name=re.compile("^Show the .* in which nothing ran$")).click()
    axis = page.locator("[data-axis]")
    whole = axis.inner_text()
    box = axis.bounding_box()
    assert box is not None
    across = box["y"] + box["height"] - 4
    page.mouse.move(box["x"] + box["width"] * 0.3, across)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, across, steps=4)
    page.mouse.up()
    back = page.get_by_role("button", name="Show the whole run")
    expect(back).to_be_visible()
    expect(axis).not_to_have_text(whole)
    page.get_by_role("radio", name="Clock").click()
    expect(axis).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    page.get_by_role("radio", name="Elapsed").click()
    axis.dblclick(position={"x": box["width"] * 0.7, "y": box["height"] - 4})
    expect(back).to_have_count(0)


def test_a_run_that_waits_shows_what_it_did_and_for_how_long_nothing_happened(page: Page) -> None:
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("Begin", "DataMapper", {"mappings": []}),
        ("Pause", "Delay", {"duration": 600_000}),
    ]
    nodes = [
        {"id": label, "type": kind, "data": {"label": label, "config": config}}
        for label, kind, config in steps
    ]
    edges = [{"id": "e", "source": "Begin", "target": "Pause"}]
    flow = made(page, "Pauses for long", {"version": 1, "nodes": nodes, "edges": edges})
    run = begin(page, flow)["id"]
    page.goto(f"/runs/{run}")
    idle = page.get_by_role("button", name=re.compile("in which nothing ran$"))
    expect(idle).to_be_visible()
    first = idle.inner_text()
    expect(idle).not_to_have_text(first)  # it grows
    page.request.post(f"/api/v1/orchestrator/runs/{run}/cancel", headers=SAME_ORIGIN)

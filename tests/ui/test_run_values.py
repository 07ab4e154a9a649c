"""Inputs and outputs of a run: a field's path and value leave by the clipboard, large ones wait, and what a step changed is shown."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.test_replay import start as begin
from tests.ui.test_run_detail import made
from tests.ui.test_runs import in_both_themes, start

FIRST = {"mappings": [{"from": "input.customer", "to": "customer"}, {"from": "input.total", "to": "total"}]}
SECOND = {"mappings": [{"from": "data.customer", "to": "customer"}, {"from": "data.total", "to": "sum"}]}
INPUTS = {"customer": {"name": "Ada", "tags": ["new"]}, "total": 42}


def chain(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    nodes = [
        {
            "id": key,
            "type": "DataMapper",
            "position": {"x": 300 * at, "y": 0},
            "data": {"label": label, "config": config},
        }
        for at, (key, label, config) in enumerate((("take", "Take", first), ("sum-up", "Sum up", second)))
    ]
    return {"version": 1, "nodes": nodes, "edges": [{"id": "e", "source": "take", "target": "sum-up"}]}


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Step Sum up")


def copied(page: Page) -> str:
    return page.evaluate("navigator.clipboard.readText()")


def test_a_field_gives_its_path_and_its_value(page: Page, axe: Axe, shot: Shot) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    run = start(page, made(page, "Copies", chain(FIRST, SECOND)), inputs=INPUTS)
    page.goto(f"/runs/{run}?node=sum-up&tab=output")
    name = panel(page).get_by_role("button", name="name: copy path or value")
    expect(name).to_be_visible()
    in_both_themes(page, axe, shot, "values-tree")
    name.click()
    expect(page.get_by_role("menuitem")).to_have_count(2)
    shot(page, "values-copy")
    page.get_by_role("menuitem", name="Copy path").click()
    expect(page.get_by_text("Path copied")).to_be_visible()
    assert copied(page) == 'nodes["sum-up"].output.customer.name'
    panel(page).get_by_role("button", name="tags: copy path or value").focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="Copy value").click()
    expect(page.get_by_text("Value copied")).to_be_visible()
    assert copied(page) == '[\n  "new"\n]'


def test_what_a_step_changed_is_shown(page: Page, axe: Axe, shot: Shot) -> None:
    flow = made(page, "Changes", chain(FIRST, SECOND))
    begin(page, flow, wait=True)
    page.goto(f"/runs/{start(page, flow, inputs=INPUTS)}?node=sum-up&tab=output")
    panel(page).get_by_role("radio", name="Changes").click()
    against = panel(page).get_by_role("combobox", name="Compare with")
    expect(against).to_have_text(re.compile(r"^#\d+, the last good run$"))
    against.click()
    page.get_by_role("option", name="The output of Take").click()
    rows = panel(page).get_by_role("table").get_by_role("row")
    expect(rows.filter(has_text="total")).to_contain_text("gone")
    expect(rows.filter(has_text="sum")).to_contain_text("added")
    expect(rows).to_have_count(3)
    in_both_themes(page, axe, shot, "values-changes")


def test_a_large_value_is_drawn_when_it_is_asked_for(page: Page, shot: Shot) -> None:
    many = {"mappings": [{"from": "input.text", "to": f"text{n}"} for n in range(6)]}
    flow = made(page, "Large", chain(many, {"mappings": []}))
    page.goto(f"/runs/{start(page, flow, inputs={'text': 'x' * 200_000})}?node=take&tab=output")
    step = page.get_by_role("region", name="Step Take")
    show = step.get_by_role("button", name="Show 1.2 MB")
    expect(show).to_be_visible()
    expect(step.get_by_text("text5:")).to_have_count(0)
    shot(page, "values-large")
    show.click()
    expect(step.get_by_text("text5:")).to_be_visible()

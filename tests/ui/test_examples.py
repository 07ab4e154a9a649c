"""Named examples of an orchestrator's input: kept with the drawing, used to run and as a sample; and runs of a revision."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_node_panel import INPUTS, ORDER, drawn, spec
from tests.ui.test_orchestrator import stored
from tests.ui.test_run_detail import save
from tests.ui.test_runs import in_both_themes, start

SCHEMA = {"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}}
EXAMPLES = [{"name": "Small", "inputs": {"total": 3}}, {"name": "Broken", "inputs": {"total": "three"}}]


def orders(page: Page, name: str, **definition: Any) -> str:
    """Two steps; what is given here goes into the definition, as revision 2."""
    flow = drawn(
        page,
        name,
        spec("order", "DataMapper", 0, ORDER),
        spec("send", "DataMapper", 1, {"mappings": []}),
        run=True,
    )
    if definition:
        save(page, flow, {**stored(page, flow)["definition"], **definition})
    return flow


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Run", exact=True)


def test_inputs_are_kept_as_an_example_that_everybody_has(page: Page, axe: Axe, shot: Shot) -> None:
    flow = orders(page, "Keeps examples")
    page.goto(f"/orchestrators/{flow}")
    page.get_by_role("button", name="Run", exact=True).click()
    dialog(page).get_by_role("button", name="Use last run's input").click()
    expect(dialog(page).locator(".cm-content")).to_contain_text("ada@example.org")
    dialog(page).get_by_role("button", name="Examples").click()
    kept = page.get_by_role("dialog", name="Examples")
    kept.get_by_label("Keep these inputs as").fill("Ada's order")
    kept.get_by_role("button", name="Save example").click()
    listed = kept.get_by_role("list", name="Saved examples").get_by_role("listitem")
    expect(listed).to_have_count(1)
    in_both_themes(page, axe, shot, "examples")
    found = stored(page, flow)
    assert found["revision"] == 2
    assert found["definition"]["examples"] == [{"name": "Ada's order", "inputs": INPUTS}]

    page.evaluate("localStorage.clear()")  # another person, who has not run it
    page.goto(f"/orchestrators/{flow}")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(dialog(page).locator(".cm-content")).not_to_contain_text("ada@example.org")
    dialog(page).get_by_role("button", name="Examples 1").click()
    kept.get_by_role("button", name=re.compile("^Ada's order")).click()
    expect(kept).to_have_count(0)
    dialog(page).get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile("run="))
    newest = page.request.get(f"/api/v1/orchestrator/{flow}/runs").json()["items"][0]
    assert newest["inputs"] == INPUTS

    page.get_by_role("button", name="Run", exact=True).click()
    dialog(page).get_by_role("button", name="Examples 1").click()
    kept.get_by_role("button", name="Remove the example Ada's order").click()
    expect(kept.get_by_text("No example yet.")).to_be_visible()
    assert "examples" not in stored(page, flow)["definition"]


def test_an_example_that_the_fields_outgrew_says_so(page: Page, axe: Axe, shot: Shot) -> None:
    flow = orders(page, "Outgrown", inputSchema=SCHEMA, examples=EXAMPLES)
    page.goto(f"/orchestrators/{flow}")
    page.get_by_role("button", name="Run", exact=True).click()
    dialog(page).get_by_role("button", name="Examples 2").click()
    listed = page.get_by_role("list", name="Saved examples").get_by_role("listitem")
    wrong = page.get_by_role("img", name="Does not fit the fields of the input")
    expect(listed.filter(has=wrong)).to_contain_text("Broken")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "examples-narrow")
    listed.filter(has_text="Broken").get_by_role("button").first.click()
    dialog(page).get_by_role("button", name="Start run").click()
    expect(dialog(page).get_by_text("Not a value of the right kind.")).to_be_visible()
    expect(dialog(page)).to_be_visible()


def test_where_a_sample_is_from_is_chosen_by_hand(page: Page, axe: Axe, shot: Shot) -> None:
    flow = orders(page, "Chooses samples", inputSchema=SCHEMA, examples=EXAMPLES[:1])
    page.goto(f"/orchestrators/{flow}?node=order")
    pane = page.get_by_role("region", name="Input", exact=True)
    source = pane.get_by_role("combobox", name="Sample from")

    def choose(name: str) -> None:
        source.click()
        page.get_by_role("option", name=name, exact=True).click()

    expect(pane).to_contain_text("from run")
    expect(pane).to_contain_text("42")
    choose("Example: Small")
    expect(pane).to_contain_text(re.compile(r"total\s*3"))
    expect(pane).not_to_contain_text("42")
    in_both_themes(page, axe, shot, "sample-example")
    page.reload()
    expect(source).to_have_text("Example: Small")
    expect(pane).to_contain_text(re.compile(r"total\s*3"))
    choose("As the platform describes it")
    expect(pane).to_contain_text(re.compile(r"total\s*0"))
    page.goto(f"/orchestrators/{flow}?node=send")
    expect(pane).to_contain_text("What “Order” gives is not described by a platform.")
    choose("Pinned")
    expect(pane).to_contain_text("“Order” has no pinned output.")
    shot(page, "sample-pinned")
    choose("Last run")
    expect(pane).to_contain_text("from run")
    expect(pane).to_contain_text("42")


def test_a_revision_leads_to_its_runs(page: Page, shot: Shot) -> None:
    flow = orders(page, "Used twice", examples=EXAMPLES)
    start(page, flow)
    start(page, flow)
    page.goto(f"/orchestrators/{flow}?panel=versions")
    versions = page.get_by_role("list", name="Versions").get_by_role("listitem")
    expect(versions.nth(1).get_by_role("link", name="1 run", exact=True)).to_be_visible()
    shot(page, "versions-runs")
    versions.first.get_by_role("link", name="2 runs").click()
    expect(page).to_have_url(re.compile("revision=2"))
    runs = page.get_by_role("table", name="Runs").get_by_role("row")
    expect(runs).to_have_count(3)
    expect(page.get_by_role("button", name="Remove the filter: revision 2")).to_be_visible()

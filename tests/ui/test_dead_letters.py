"""Dead letters on the screen: one is looked at, fixed and replayed; many are dropped; a run is kept for ever."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_overview import API, OURS, both_themes


def failed(page: Page, name: str, count: int) -> list[dict[str, Any]]:
    """Runs of an orchestrator that wants a number and is given text."""
    step = {"mappings": [{"from": "data.total", "to": "total", "type": "integer"}]}
    nodes = [
        {
            "id": n,
            "type": "DataMapper",
            "position": {"x": 0, "y": 0},
            "data": {"label": label, "config": config},
        }
        for n, label, config in (
            ("read", "Read the order", {"mappings": [{"from": "input.total", "to": "total"}]}),
            ("bill", "Write the bill", step),
        )
    ]
    definition = {"version": 1, "nodes": nodes, "edges": [{"id": "e", "source": "read", "target": "bill"}]}
    made = page.request.post(API, data={"name": name, "definition": definition}, headers=OURS)
    assert made.status == 201, made.text()
    url = f"{API}/{made.json()['id']}/run"
    given = {"inputs": {"total": "twelve"}}
    return [
        page.request.post(url, data=given, headers={**OURS, "Prefer": "wait=20"}).json() for _ in range(count)
    ]


def test_one_is_fixed_and_replayed(page: Page, axe: Axe, shot: Shot) -> None:
    (run,) = failed(page, "Bills of May", 1)
    page.goto("/dead-letters?q=bill")
    row = page.get_by_role("table", name="Dead letters").get_by_role("row").filter(has_text="Bills of May")
    expect(row).to_contain_text(f"#{run['number']}")
    both_themes(page, axe, shot, "dead-letters-filled")
    row.click()
    details = page.get_by_role("dialog", name="Write the bill")
    expect(details.get_by_label("Payload")).to_contain_text("twelve")
    both_themes(page, axe, shot, "dead-letters-open")
    details.get_by_role("button", name="Replay …").click()
    dialog = page.get_by_role("dialog", name="Replay from “Write the bill”")
    dialog.get_by_label("Change the payload").click()
    editor = dialog.get_by_role("textbox", name="Payload")
    expect(editor).to_contain_text("twelve")
    editor.fill('{"total": ')
    expect(dialog.get_by_role("button", name="Replay", exact=True)).to_be_disabled()
    editor.fill('{"total": 12}')
    dialog.get_by_label("Reason").fill("a number in words")
    both_themes(page, axe, shot, "dead-letters-replay")
    dialog.get_by_role("button", name="Replay", exact=True).click()
    expect(details.get_by_text("Resolved")).to_be_visible()
    expect(details.get_by_text("a number in words")).to_be_visible()
    details.get_by_role("link", name=re.compile(r"^#\d+$")).click()
    expect(page.locator("h1 + *")).to_have_text(re.compile("Completed"))


def test_all_that_match_are_dropped_with_a_reason(page: Page, axe: Axe, shot: Shot) -> None:
    runs = failed(page, "Bills of June", 3)
    page.goto(f"/dead-letters?orchestratorId={runs[0]['orchestratorId']}")
    rows = page.get_by_role("table", name="Dead letters").get_by_role("row").filter(has_text="Bills of June")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Drop matching …").click()
    dialog = page.get_by_role("dialog", name="Drop all that match")
    dialog.get_by_role("button", name="Drop 3").click()
    expect(dialog.get_by_text("Say why")).to_be_visible()
    both_themes(page, axe, shot, "dead-letters-drop-all")
    dialog.get_by_label("Reason").fill("of a rehearsal")
    dialog.get_by_role("button", name="Drop 3").click()
    expect(dialog.get_by_role("status")).to_have_text("Done: 3 of 3 dropped.")
    both_themes(page, axe, shot, "dead-letters-dropped")
    dialog.get_by_role("button", name="Close").first.click()
    expect(page.get_by_text("No dead letter is open")).to_be_visible()
    expect(page.get_by_role("button", name="Of one orchestrator")).to_be_visible()
    page.get_by_role("combobox", name="State").click()
    page.get_by_role("option", name="Dropped").click()
    expect(rows).to_have_count(3)
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "dead-letters-narrow")


def test_a_run_is_kept_for_ever_and_let_go(page: Page, axe: Axe, shot: Shot) -> None:
    (run,) = failed(page, "Bills of July", 1)
    page.goto(f"/runs/{run['id']}")
    keep = page.get_by_role("button", name="Keep this run for ever")
    keep.click()
    expect(page.get_by_text("Kept", exact=True)).to_be_visible()
    expect(keep).to_have_attribute("aria-pressed", "true")
    both_themes(page, axe, shot, "run-kept")
    keep.click()
    expect(page.get_by_text("Kept", exact=True)).to_have_count(0)

"""The list of orchestrators: found quickly among many, deleted with a way back, restored from the bin."""

from __future__ import annotations

import re
import time
from typing import Any

from playwright.sync_api import Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_overview import API, OURS, both_themes

EMPTY: dict[str, Any] = {"version": 1, "nodes": [], "edges": []}


def made(page: Page, name: str) -> str:
    answer = page.request.post(API, data={"name": name, "definition": EMPTY}, headers=OURS)
    assert answer.status == 201, answer.text()
    return answer.json()["id"]


def delete(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name="Delete").click()
    question = page.get_by_role("alertdialog", name=f"Delete “{name}”?")
    expect(question).to_contain_text("30 days")
    expect(question).to_contain_text("past runs stay")
    question.get_by_role("button", name="Delete 1 orchestrator").click()


def test_a_deleted_one_comes_back_by_undo_and_from_the_bin(page: Page, axe: Axe, shot: Shot) -> None:
    made(page, "Binned and back")
    page.goto("/orchestrators?q=Binned")
    row = (
        page.get_by_role("table", name="Orchestrators").get_by_role("row").filter(has_text="Binned and back")
    )
    expect(row).to_have_count(1)
    delete(page, "Binned and back")
    expect(row).to_have_count(0)
    shot(page, "orchestrators-undo")
    page.get_by_role("button", name="Undo").click()
    expect(row).to_have_count(1)
    delete(page, "Binned and back")
    expect(row).to_have_count(0)
    page.get_by_role("radio", name="Bin").click()
    expect(page).to_have_url(re.compile("bin=true"))
    binned = page.get_by_role("table", name="Deleted orchestrators").get_by_role("row")
    expect(binned.filter(has_text="Binned and back")).to_have_count(1)
    both_themes(page, axe, shot, "orchestrators-bin")
    page.get_by_role("button", name="Restore Binned and back").click()
    expect(page.get_by_role("heading", name="No name in the bin contains “Binned”")).to_be_visible()
    page.get_by_role("radio", name="Current").click()
    expect(row).to_have_count(1)


def test_five_hundred_are_found_at_once(page: Page, axe: Axe, shot: Shot) -> None:
    for number in range(500):
        made(page, f"Many {number:03}")
    began = time.monotonic()
    page.goto("/orchestrators")
    table = page.get_by_role("table", name="Orchestrators")
    expect(table.get_by_role("row").filter(has_text="Many 499")).to_be_visible()
    loaded = time.monotonic() - began
    page.get_by_label("Search by name").fill("many 007")
    began = time.monotonic()
    expect(table.get_by_role("row").filter(has_text="Many 007")).to_be_visible()
    searched = time.monotonic() - began
    assert loaded < 5 and searched < 3, "a second each on a machine that does nothing else"
    both_themes(page, axe, shot, "orchestrators-searched")
    page.get_by_role("button", name="What the states mean").click()
    expect(page.get_by_role("dialog", name="What the states mean")).to_contain_text("Work is happening")
    page.keyboard.press("Escape")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]

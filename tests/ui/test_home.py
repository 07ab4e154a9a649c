"""Home: what is broken stands there once for each kind, and leads to its runs; an empty product is filled by one button."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.test_overview import API, OURS, both_themes


def failing() -> dict[str, Any]:
    """A wait that is over at once."""
    data = {"label": "Nobody answers", "config": {"timeout": 1}}
    node = {"id": "answer", "type": "WaitForCallback", "position": {"x": 0, "y": 0}, "data": data}
    return {"version": 1, "nodes": [node], "edges": []}


def test_what_is_broken_is_grouped_and_leads_to_its_runs(page: Page, axe: Axe, shot: Shot) -> None:
    made = page.request.post(API, data={"name": "Never answered", "definition": failing()}, headers=OURS)
    url = f"{API}/{made.json()['id']}/run"
    for _ in range(3):
        headers = {**OURS, "Prefer": "wait=20"}
        run = page.request.post(url, data={"inputs": {}}, headers=headers).json()
        assert run["status"] == "FAILED"
    page.goto("/")
    group = (
        page.get_by_role("list", name="Failures by kind")
        .get_by_role("listitem")
        .filter(has_text="Never answered › ")
    )
    expect(group).to_have_count(1)
    expect(group).to_contain_text("3 ×")
    expect(group).to_contain_text("Never answered › Nobody answers")
    both_themes(page, axe, shot, "home-broken")
    group.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/runs\?.*error="))
    rows = page.get_by_role("table", name="Runs").get_by_role("row").filter(has_text="Never answered")
    expect(rows).to_have_count(3)


def test_an_empty_product_is_filled_by_one_button(page: Page) -> None:
    def nothing(route: Route) -> None:
        route.fulfill(json={"items": [], "nextCursor": None})

    page.route(re.compile(rf"{API}(/runs|/connections)?(\?|$)"), nothing)
    page.goto("/")
    button = page.get_by_role("button", name="Try with the sandbox platforms")
    expect(button).to_be_visible()
    page.unroute_all()
    button.click()
    expect(page).to_have_url(re.compile("/orchestrators/[0-9a-f-]{36}"))

"""A walk that a person takes: something broke last night. From Home to the line of the platform's own log that says why, in
three clicks."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.test_runs import ORIGIN, in_both_themes, start
from tests.ui.test_runs_list import ended

REASON = "field 'amount' is missing"


def airflow_that_fails(page: Page) -> str:
    """An orchestrator whose one step runs a DAG of the sandbox's Airflow that fails at both of its tries."""
    answer = page.request.get("/api/v1/orchestrator/connections?provider=airflow")
    connection = answer.json()["items"][0]["id"]
    config = {
        "provider": "airflow",
        "connectionId": connection,
        "workflowId": "always_fail",
        "pollingInterval": 500,
    }
    node = {
        "id": "load",
        "type": "RemoteWebhook",
        "position": {"x": 0, "y": 0},
        "data": {"label": "Load the night", "config": config},
    }
    made = page.request.post(
        "/api/v1/orchestrator",
        data={"name": "Night load", "definition": {"version": 1, "nodes": [node], "edges": []}},
        headers=ORIGIN,
    )
    assert made.status == 201, made.text()
    return made.json()["id"]


def test_what_broke_last_night(page: Page, axe: Axe, shot: Shot) -> None:
    flow = airflow_that_fails(page)
    runs = [start(page, flow) for _ in range(2)]
    ended(page, *runs)
    clicks = 0

    def click(target: Locator) -> None:
        nonlocal clicks
        target.click()
        clicks += 1

    page.goto("/")
    group = (
        page.get_by_role("list", name="Failures by kind")
        .get_by_role("listitem")
        .filter(has_text="Night load")
    )
    expect(group).to_contain_text("2")
    in_both_themes(page, axe, shot, "walk-broken-home")
    click(group.get_by_role("link").first)

    lines = page.get_by_role("table", name="Runs").get_by_role("row", name=re.compile("Night load"))
    expect(lines).to_have_count(2)
    in_both_themes(page, axe, shot, "walk-broken-runs")
    click(lines.first)

    expect(page.get_by_role("region", name="Failure")).to_contain_text("Load the night")
    log = page.get_by_text(re.compile(REASON))
    if not log.last.is_visible():
        click(page.get_by_role("region", name="Failure").get_by_role("button", name=re.compile("Open step")))
    expect(page.get_by_role("list", name="Log lines").get_by_text(re.compile(REASON)).first).to_be_visible()
    in_both_themes(page, axe, shot, "walk-broken-line")
    assert clicks <= 3

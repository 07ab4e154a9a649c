"""A workflow that is changed on its platform: the card says so, Home and the browser list it, importing again resolves it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, BrowserContext, Page, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.test_canvas_edit import SAME_ORIGIN
from tests.ui.test_orchestrator import node

API = "/api/v1/orchestrator"
WORKFLOW = "wfBilling"
KEY = {"X-N8N-API-KEY": "sandbox-n8n-key"}


@pytest.fixture
def n8n(context: BrowserContext) -> Iterator[str]:
    """The address of the workflow in the sandbox n8n; afterwards it is as it was."""
    items = context.request.get(f"{API}/connections?provider=n8n").json()["items"]
    base = next(each["baseUrl"] for each in items if each["name"] == "Sandbox n8n")
    url = f"{base}/api/v1/workflows/{WORKFLOW}"
    before = context.request.get(url, headers=KEY).json()
    yield url
    put(context.request, url, before)


def put(request: APIRequestContext, url: str, workflow: dict[str, Any]) -> None:
    body = {name: workflow[name] for name in ("name", "nodes", "connections", "settings")}
    answer = request.put(url, headers=KEY, data=body)
    assert answer.status == 200, answer.text()


def renamed(request: APIRequestContext, url: str) -> None:
    """Its webhook has another path, as somebody saves it in n8n."""
    workflow = copy.deepcopy(request.get(url, headers=KEY).json())
    workflow["nodes"][0]["parameters"]["path"] += "-renamed"
    put(request, url, workflow)


def compared(request: APIRequestContext) -> None:
    """The lists are read anew, and what was imported is compared with them."""
    answer = request.get(f"{API}/workflows?refresh=true&limit=1").json()
    while any(each["renewing"] for each in answer["connections"]):
        answer = request.get(f"{API}/workflows?limit=1").json()


def test_a_renamed_webhook_is_marked_until_it_is_imported_again(
    page: Page, n8n: str, axe: Axe, shot: Shot
) -> None:
    made = page.request.get(f"{API}/providers/n8n/workflows/{WORKFLOW}/node").json()
    placed = {"id": "billing", "position": {"x": 0, "y": 0}, **made}
    body = {"name": "Drifting", "definition": {"version": 1, "nodes": [placed], "edges": []}}
    created = page.request.post(API, data=body, headers=SAME_ORIGIN).json()
    page.goto(f"/orchestrators/{created['id']}?node=billing")
    card = node(page, "Update billing")
    badge = card.get_by_role("img", name="Changed since import")
    panel = page.get_by_role("region", name="Import")
    expect(panel).to_contain_text("Unchanged since import.")
    expect(badge).to_have_count(0)

    renamed(page.request, n8n)
    compared(page.request)
    page.goto("/")
    listed = page.get_by_role("list", name="Changed since import").get_by_role("link")
    expect(listed).to_contain_text("Drifting")
    shot(page, "home-drift")
    axe(page)
    page.goto("/workflows?changed=true")
    rows = page.get_by_role("table", name="Workflows").get_by_role("row")
    expect(rows).to_have_count(2)  # with the head
    expect(rows.last.get_by_role("img", name="Changed since import")).to_be_visible()
    axe(page)
    shot(page, "workflows-changed")

    page.goto("/")
    listed.click()
    expect(badge).to_be_visible()
    expect(panel).to_contain_text("Changed since import.")
    axe(page)
    shot(page, "canvas-drift-light")
    page.emulate_media(color_scheme="dark")
    shot(page, "canvas-drift-dark")
    panel.get_by_role("button", name="Re-import").click()
    expect(badge).to_have_count(0)
    page.keyboard.press("Control+s")
    expect(panel).to_contain_text("Unchanged since import.")
    expect(badge).to_have_count(0)
    page.goto("/workflows?changed=true")
    expect(page.get_by_text("No workflow fits")).to_be_visible()

"""The browser of remote workflows: one list over all platforms, and what of it becomes a step on the canvas."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Browser, Locator, Page, Response, Route, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import running

API = "/api/v1/orchestrator"
SAME = {"Sec-Fetch-Site": "same-origin"}


def rows(page: Page) -> Locator:
    """Without the head."""
    return page.get_by_role("table", name="Workflows").locator("[data-index]")


def total(page: Page, **query: Any) -> int:
    return page.request.get(f"{API}/workflows", params=query).json()["total"]


@pytest.fixture
def chain(page: Page) -> Iterator[str]:
    """An orchestrator with nothing drawn."""
    made = page.request.post(
        API, data={"name": "Browsed", "definition": {"version": 1, "nodes": [], "edges": []}}, headers=SAME
    ).json()["id"]
    yield made
    page.request.delete(f"{API}/{made}", headers=SAME)


def saved(page: Page, chain: str) -> list[dict[str, Any]]:
    """The nodes, once they are saved."""
    with page.expect_response(lambda response: saving(response, chain)):
        page.keyboard.press("Control+s")
    return page.request.get(f"{API}/{chain}").json()["definition"]["nodes"]


def saving(response: Response, chain: str) -> bool:
    return response.request.method == "PUT" and response.url.endswith(chain) and response.ok


def ready(node: dict[str, Any], workflow: str) -> None:
    config, kept = node["data"]["config"], node["data"]["imported"]
    assert node["type"] == "RemoteWebhook"
    assert config["workflowId"] == workflow and config["connectionId"] and config["provider"]
    assert kept["fingerprint"] and kept["at"]
    assert set(kept) == {"fingerprint", "at", "inputs", "outputs", "sample", "trigger"}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_one_search_over_all_platforms(page: Page, theme: str, axe: Axe, shot: Shot) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    page.goto("/workflows")
    tab = page.get_by_role("tab", name="All")
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(rows(page).nth(8)).to_be_visible()
    everything = total(page)
    expect(tab).to_contain_text(str(everything))
    expect(page.get_by_role("tabpanel").get_by_role("status").first).to_contain_text("Synced")
    shot(page, f"browser-{theme}")
    axe(page)
    page.get_by_label("Search workflows").fill("order")
    expect(page).to_have_url(re.compile("q=order"))
    found = total(page, q="order")
    assert 1 < found < everything
    expect(tab).to_contain_text(str(found))
    expect(rows(page)).to_have_count(found)
    n8n = page.get_by_role("tab", name="n8n")
    expect(n8n).to_contain_text(str(total(page, q="order", provider="n8n")))
    n8n.click()
    expect(page).to_have_url(re.compile("provider=n8n"))
    expect(page).to_have_url(re.compile("q=order"))
    expect(rows(page)).to_have_count(total(page, q="order", provider="n8n"))


def test_every_filter_is_in_the_link(page: Page) -> None:
    page.goto("/workflows?provider=n8n")
    page.get_by_role("combobox", name="Tag").click()
    page.get_by_role("option", name="orders").click()
    expect(page).to_have_url(re.compile("tag=orders"))
    page.get_by_role("combobox", name="Trigger").click()
    page.get_by_role("option", name="webhook").click()
    page.get_by_role("radio", name="Active").click()
    count = total(page, provider="n8n", tag="orders", trigger="webhook", active="true")
    assert count > 0
    expect(rows(page)).to_have_count(count)
    page.reload()
    expect(rows(page)).to_have_count(count)
    expect(page.get_by_role("combobox", name="Tag")).to_contain_text("orders")
    page.get_by_role("radio", name="Unused").click()
    expect(page).to_have_url(re.compile("used=false"))
    page.goto("/workflows?used=true")
    expect(rows(page)).to_have_count(total(page, used="true"))
    page.get_by_label("Search workflows").fill("there is no such workflow")
    page.get_by_role("button", name="Take the filters away").click()
    expect(rows(page).nth(3)).to_be_visible()


def test_the_preview_stands_beside_the_list_and_says_who_uses_it(page: Page, axe: Axe, shot: Shot) -> None:
    page.goto("/workflows?q=price+an+order")
    row = rows(page).filter(has_text="Price an order")
    row.get_by_role("button", name="Used in").click()
    link = page.get_by_role("dialog").get_by_role("link", name="Order to report")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    row.click()
    pane = page.get_by_role("complementary", name="Price an order")
    expect(pane.get_by_role("img", name="3 steps")).to_be_visible(timeout=2000)
    expect(row).to_be_visible()
    expect(pane.get_by_text("•••")).to_be_visible()
    expect(pane.get_by_text("price-order")).to_have_count(0)
    pane.get_by_role("button", name="Show path").click()
    expect(pane.get_by_text("POST price-order")).to_be_visible()
    expect(pane.get_by_role("link", name="Order to report")).to_be_visible()
    shot(page, "browser-preview")
    axe(page)
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    expect(page.get_by_role("dialog", name="Price an order")).to_be_visible()
    shot(page, "browser-preview-narrow")


def test_several_are_added_at_once(page: Page, chain: str, axe: Axe, shot: Shot) -> None:
    page.goto("/workflows?provider=n8n")
    page.get_by_role("checkbox", name="Choose Price an order").click()
    page.get_by_role("checkbox", name="Choose Greet and answer").click()
    expect(page.get_by_role("region", name="Chosen")).to_contain_text("2 workflows chosen")
    page.get_by_role("region", name="Chosen").get_by_role("button", name="Add to canvas").click()
    dialog = page.get_by_role("dialog", name="Add 2 workflows")
    dialog.get_by_role("radio", name="One that there is").click()
    axe(page)
    shot(page, "browser-add")
    dialog.get_by_role("combobox").click()
    page.get_by_role("option", name="Browsed").click()
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page).to_have_url(re.compile(chain))
    nodes = page.request.get(f"{API}/{chain}").json()["definition"]["nodes"]
    assert {node["data"]["config"]["workflowId"] for node in nodes} == {"wfPriceOrder", "wfGreet"}
    assert len({node["position"]["y"] for node in nodes}) == 2
    for node in nodes:
        ready(node, node["data"]["config"]["workflowId"])


def test_two_thousand_workflows_are_as_quick_as_ten(page: Page) -> None:
    """The page holds only the rows in view, however far one goes."""
    first = page.request.get(f"{API}/workflows?limit=1").json()

    def many(route: Route) -> None:
        start = int(parse_qs(urlparse(route.request.url).query).get("cursor", ["0"])[0])
        items = [
            {**first["items"][0], "id": str(n), "name": f"Workflow {n:04}"} for n in range(start, start + 200)
        ]
        more = str(start + 200) if start < 1800 else None
        route.fulfill(json={**first, "items": items, "total": 2000, "nextCursor": more})

    page.route("**/orchestrator/workflows?*", many)
    page.goto("/workflows")
    expect(page.get_by_role("tabpanel").get_by_role("status").first).to_contain_text("2,000 workflows")
    rows(page).first.focus()
    for number in range(199, 2000, 200):
        page.keyboard.press("End")
        expect(rows(page).filter(has_text=f"Workflow {number:04}")).to_be_focused()
        if number < 1999:
            expect(page.locator(f"[data-index='{number + 1}']")).to_be_attached()
        assert rows(page).count() < 60


def panel(page: Page) -> Locator:
    page.get_by_role("button", name="Remote workflows").click()
    return page.get_by_role("complementary", name="Remote workflows")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_enter_adds_a_ready_step_as_one_undo_step(
    page: Page, chain: str, theme: str, axe: Axe, shot: Shot
) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    page.goto(f"/orchestrators/{chain}")
    side = panel(page)
    side.get_by_label("Search remote workflows").fill("price an order")
    page.keyboard.press("Enter")
    node = page.locator(".react-flow__node")
    expect(node).to_have_count(1)
    expect(node).to_contain_text("Price an order")
    side.get_by_label("Search remote workflows").fill("greet")
    page.keyboard.press("Enter")
    expect(node).to_have_count(2)
    expect(page.locator(".react-flow__edge")).to_have_count(1)
    shot(page, f"browser-canvas-{theme}")
    axe(page)
    first, second = saved(page, chain)
    ready(first, "wfPriceOrder")
    ready(second, "wfGreet")
    page.get_by_role("button", name="Undo", exact=False).first.click()
    expect(node).to_have_count(1)
    expect(page.locator(".react-flow__edge")).to_have_count(0)


def test_a_drag_puts_it_where_it_is_dropped(page: Page, chain: str) -> None:
    page.goto(f"/orchestrators/{chain}")
    side = panel(page)
    inputs = next(
        each
        for each in page.request.get(f"{API}/workflows?provider=make&limit=200").json()["items"]
        if each["executable"] and sample(page, each)
    )
    side.get_by_label("Search remote workflows").fill(inputs["name"])
    expect(side.get_by_role("listitem")).to_have_count(1)
    side.get_by_role("listitem").get_by_role("button").drag_to(
        page.locator(".react-flow__pane"), target_position={"x": 60, "y": 60}
    )
    expect(page.locator(".react-flow__node")).to_contain_text(inputs["name"])
    (node,) = saved(page, chain)
    ready(node, inputs["id"])
    assert node["data"]["imported"]["inputs"]["properties"]
    assert node["data"]["imported"]["sample"]


def sample(page: Page, each: dict[str, Any]) -> Any:
    url = f"{API}/providers/make/workflows/{each['id']}/node?connectionId={each['connectionId']}"
    return page.request.get(url).json()["data"]["imported"]["sample"]


def test_a_changed_workflow_is_marked_until_it_is_imported_again(
    page: Page, chain: str, axe: Axe, shot: Shot
) -> None:
    page.goto(f"/orchestrators/{chain}")
    side = panel(page)
    side.get_by_label("Search remote workflows").fill("Edited since published")
    expect(side.get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".react-flow__node")).to_have_count(1)
    (before,) = saved(page, chain)
    notice = page.get_by_role("region", name="Import")
    expect(notice).to_contain_text("Unchanged since import")
    shot(page, "browser-unchanged")

    connections = page.request.get(f"{API}/connections?provider=n8n").json()["items"]
    n8n = next(each["baseUrl"] for each in connections if each["name"] == "Sandbox n8n")
    publish = urllib.request.Request(
        f"{n8n.removesuffix('/')}/api/v1/workflows/wfEdited/activate",
        method="POST",
        data=b"{}",
        headers={"X-N8N-API-KEY": "sandbox-n8n-key", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(publish) as answer:
        assert json.load(answer)["active"]
    notice.get_by_role("button", name="Compare with the platform now").click()
    expect(notice).to_contain_text("Changed since import")
    shot(page, "browser-changed")
    axe(page)
    notice.get_by_role("button", name="Re-import").click()
    expect(notice.get_by_role("button", name="Re-import")).to_have_count(0)
    (after,) = saved(page, chain)
    assert after["data"]["imported"]["fingerprint"] != before["data"]["imported"]["fingerprint"]
    expect(notice).to_contain_text("Unchanged since import")


def test_an_empty_product_becomes_a_tour_by_one_button(
    browser: Browser, browser_context_args: dict[str, Any], axe: Axe, shot: Shot
) -> None:
    with running(sandbox=False) as empty:
        options: dict[str, Any] = {**browser_context_args, "base_url": empty.url, "storage_state": None}
        context = browser.new_context(**options)
        page = context.new_page()
        page.goto(f"/sign-in?code={empty.code}")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{empty.url}/")
        page.goto("/workflows")
        expect(page.get_by_role("heading", name="Nothing is connected yet")).to_be_visible()
        shot(page, "browser-empty")
        axe(page)
        page.goto("/connections")
        shot(page, "connections-empty")
        axe(page)
        page.get_by_role("button", name="Try with the sandbox platforms").click()
        expect(page).to_have_url(re.compile("/orchestrators/"))
        expect(page.locator(".react-flow__node").first).to_be_visible()
        page.goto("/workflows")
        expect(page.get_by_role("table", name="Workflows").locator("[data-index]").nth(8)).to_be_visible()
        expect(page.get_by_role("tab", name=re.compile(r"Airflow \d+"))).to_be_visible()
        context.close()

"""The workflow browser: what runs on the platforms, its drawing, and the way into an orchestrator."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import Product


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_workflow_is_drawn_beside_the_list(page: Page, theme: str, axe: Axe, shot: Shot) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    page.goto("/workflows?provider=n8n")
    rows = page.get_by_role("table", name="Workflows").get_by_role("row")
    rows.filter(has_text="Price").first.click()
    pane = page.get_by_role("complementary")
    expect(pane.get_by_role("img", name=re.compile(r"^\d+ steps?:"))).to_be_visible()
    expect(pane.get_by_role("heading", name="Inputs")).to_be_visible()
    axe(page)
    shot(page, f"workflows-preview-{theme}")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    expect(page.get_by_role("dialog").get_by_role("img", name=re.compile("step"))).to_be_visible()
    axe(page)
    if theme == "dark":
        shot(page, "workflows-preview-narrow")


def test_branches_and_inputs_are_shown(page: Page, shot: Shot) -> None:
    page.goto("/workflows?provider=airflow&workflow=order_branching")
    pane = page.get_by_role("complementary")
    expect(pane.get_by_role("img", name=re.compile(r"^\d+ steps:"))).to_be_visible()
    expect(page.get_by_role("tab", name=re.compile(r"Make \d+"))).to_be_visible()
    shot(page, "workflows-branches")
    page.keyboard.press("Escape")
    expect(pane).to_have_count(0)


def test_searching_and_filtering_stand_in_the_address(page: Page) -> None:
    page.goto("/workflows?provider=n8n")
    rows = page.get_by_role("table", name="Workflows").get_by_role("row")
    expect(rows.nth(2)).to_be_visible()
    page.get_by_label("Search workflows").fill("price an")
    expect(rows).to_have_count(2)  # with the head
    page.reload()
    expect(rows).to_have_count(2)
    page.get_by_label("Search workflows").fill("there is no such workflow")
    expect(page.get_by_text("No workflow fits")).to_be_visible()
    page.get_by_role("button", name="Clear search").click()
    page.get_by_role("radio", name="Off").click()
    expect(page).to_have_url(re.compile("active=false"))
    expect(rows.filter(has=page.get_by_text("Active", exact=True)).nth(1)).to_have_count(0)
    page.get_by_role("tab", name="Make").click()
    expect(page).to_have_url(re.compile("provider=make"))


def test_a_copy_that_cannot_be_renewed_says_its_age_and_why(page: Page, axe: Axe, shot: Shot) -> None:
    problem = {"code": "rate-limited", "message": "Make allows 60 calls a minute.", "hint": "Wait a minute."}

    def older(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        (make,) = [each for each in body["connections"] if each["provider"] == "make"]
        make |= {"syncedAt": "2026-01-02T03:04:05Z", "stale": True, "problem": {**problem, "cause": None}}
        route.fulfill(response=answer, json=body)

    page.route("**/orchestrator/workflows?*", older)
    page.goto("/workflows")
    expect(page.get_by_role("tabpanel")).to_contain_text(
        "Sandbox Make is told by Make to slow down; it is asked again in a minute. This is the list of 2 Jan. "
        "Make allows 60 calls a minute. Wait a minute."
    )
    expect(page.get_by_role("button", name="Refresh")).to_be_visible()
    axe(page)
    shot(page, "workflows-stale")
    page.get_by_role("tab", name="n8n").click()
    expect(page.get_by_role("tabpanel")).not_to_contain_text("slow down")
    page.wait_for_load_state("networkidle")  # nothing is left to be answered when the page closes
    page.unroute_all(behavior="ignoreErrors")


def test_a_list_that_is_a_part_says_what_is_missing(page: Page, axe: Axe, shot: Shot) -> None:
    def partial(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        (make,) = [each for each in body["connections"] if each["provider"] == "make"]
        make["leftOut"] = [{"kind": "team", "name": "Reports", "of": 3, "why": "no permission"}]
        route.fulfill(response=answer, json=body)

    page.route("**/orchestrator/workflows?*", partial)
    page.goto("/workflows?provider=make")
    expect(page.get_by_role("tabpanel")).to_contain_text(
        "Sandbox Make is not shown whole. 1 of 3 teams: no permission (Reports)."
    )
    expect(page.get_by_role("tab", name="Make").get_by_role("img", name="Not the whole list")).to_be_visible()
    expect(page.get_by_role("tab", name="n8n").get_by_role("img", name="Not the whole list")).to_have_count(0)
    axe(page)
    shot(page, "workflows-partial")
    page.emulate_media(color_scheme="dark")
    axe(page)
    shot(page, "workflows-partial-dark")


def test_a_list_that_may_not_be_read_yet_says_when_it_is_read_again(page: Page) -> None:
    again = datetime.now(UTC) + timedelta(minutes=12)

    def limited(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        (make,) = [each for each in body["connections"] if each["provider"] == "make"]
        make |= {"problem": {"code": "rate-limited", "message": "Too many.", "hint": None, "cause": None}}
        make |= {"stale": True, "retryAt": again.isoformat()}
        route.fulfill(response=answer, json=body)

    page.route("**/orchestrator/workflows?*", limited)
    page.goto("/workflows?provider=make")
    expect(page.get_by_role("tabpanel")).to_contain_text(
        re.compile("told by Make to slow down; it is asked again in 1[12] min")
    )


def test_what_became_of_the_last_call_is_shown_and_narrows_the_list(
    page: Page, product: Product, axe: Axe, shot: Shot
) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Prefer": "wait=30"}
    page.request.post(f"/api/v1/orchestrator/{product.sample}/run", data={"inputs": {}}, headers=headers)
    page.goto("/workflows?provider=n8n")
    rows = page.get_by_role("table", name="Workflows").get_by_role("row")
    last = rows.filter(has_text="Price an order").get_by_role("link")
    expect(last.get_by_role("img", name="Completed")).to_be_visible()
    page.get_by_role("combobox", name="Last result").click()
    page.get_by_role("option", name=re.compile("^Completed")).click()
    expect(page).to_have_url(re.compile("result=COMPLETED"))
    expect(rows).to_have_count(2)  # with the head
    axe(page)
    shot(page, "workflows-last-result")
    last.click()
    expect(page).to_have_url(re.compile("/runs/[0-9a-f-]{36}"))


def test_a_list_that_is_being_read_says_so_and_appears_by_itself(page: Page, axe: Axe, shot: Shot) -> None:
    reading = True

    def unread(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        if reading:
            for each in body["connections"]:
                each |= {"syncedAt": None, "stale": True, "renewing": True, "count": 0, "matching": 0}
            body |= {"items": [], "total": 0, "nextCursor": None}
        route.fulfill(response=answer, json=body)

    page.route("**/orchestrator/workflows?*", unread)
    page.goto("/workflows")
    expect(page.get_by_role("heading", name="Reading the workflows")).to_be_visible()
    axe(page)
    shot(page, "workflows-reading")
    reading = False
    expect(page.get_by_role("table", name="Workflows").get_by_role("row").nth(3)).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_platform_is_connected_in_its_tab(page: Page, theme: str, axe: Axe, shot: Shot) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    url = "/api/v1/orchestrator/connections"
    (flowise,) = page.request.get(f"{url}?provider=flowise").json()["items"]
    page.request.delete(f"{url}/{flowise['id']}", headers={"Sec-Fetch-Site": "same-origin"})
    page.goto("/workflows?provider=flowise")
    form = page.get_by_role("region", name="Connect Flowise")
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_text("This is needed.").first).to_be_visible()
    axe(page)
    shot(page, f"workflows-connect-{theme}")
    form.get_by_label("Address").fill(flowise["baseUrl"])
    form.get_by_label("API key").fill("not-the-key")
    form.get_by_label("May call private networks").click()
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_role("alert")).to_be_visible()
    form.get_by_role("button", name="Back").click()
    form.get_by_label("API key").fill("sandbox-flowise-key")
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_role("status")).to_contain_text("Flowise answers: 2 workflows found")
    form.get_by_label("Name").fill("Sandbox Flowise")
    axe(page)
    shot(page, f"workflows-connect-tested-{theme}")
    form.get_by_role("button", name="Save connection").click()
    rows = page.get_by_role("table", name="Workflows").get_by_role("row")
    expect(rows.filter(has_text="Classify a message")).to_be_visible()
    expect(form).to_have_count(0)
    expect(page.get_by_role("tab", name=re.compile("Flowise 2"))).to_be_visible()


def test_a_platform_that_is_not_connected_leads_to_connecting_it(page: Page, axe: Axe, shot: Shot) -> None:
    page.route(
        "**/api/v1/orchestrator/providers",
        lambda route: route.fulfill(json={"items": [unconnected(page)]}),
    )
    page.goto("/workflows")
    expect(page.get_by_role("heading", name="Nothing is connected yet")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Connect Make").click()
    expect(page.get_by_role("region", name="Connect Make")).to_be_visible()
    axe(page)
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "workflows-connect-narrow")


def test_a_workflow_becomes_the_first_step_of_an_orchestrator(page: Page) -> None:
    page.goto("/workflows?provider=n8n&workflow=wfPriceOrder")
    page.get_by_role("button", name="Add to canvas").click()
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    expect(page).to_have_url(re.compile(r"/orchestrators/[0-9a-f-]{36}"))
    made = re.findall(r"[0-9a-f-]{36}", page.url)[0]
    found = page.request.get(f"/api/v1/orchestrator/{made}").json()
    (node,) = found["definition"]["nodes"]
    assert node["type"] == "RemoteWebhook"
    assert node["data"]["config"]["workflowId"] == "wfPriceOrder"
    assert node["data"]["config"]["connectionId"]
    assert node["data"]["imported"]["fingerprint"]
    assert found["problems"] == []
    page.request.delete(f"/api/v1/orchestrator/{made}", headers={"Sec-Fetch-Site": "same-origin"})


def unconnected(page: Page) -> dict[str, object]:
    items = page.request.get("/api/v1/orchestrator/providers").json()["items"]
    make = next(item for item in items if item["name"] == "make")
    return {**make, "connections": []}

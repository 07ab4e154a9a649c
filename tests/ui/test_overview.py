"""Home, set-up check, inbound and settings: what is broken, what came in, and who may call."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import Product

API = "/api/v1/orchestrator"
OURS = {"Sec-Fetch-Site": "same-origin"}
WAITS: dict[str, Any] = {
    "version": 1,
    "nodes": [
        {
            "id": "answer",
            "type": "WaitForCallback",
            "position": {"x": 0, "y": 0},
            "data": {"label": "Wait for the answer", "config": {}},
        }
    ],
    "edges": [],
}


def waiting(page: Page) -> dict[str, Any]:
    """A run that waits for a callback, with the address of it."""
    made = page.request.post(API, data={"name": "Asks outside", "definition": WAITS}, headers=OURS)
    assert made.status == 201, made.text()
    run = page.request.post(f"{API}/{made.json()['id']}/run", data={"inputs": {}}, headers=OURS).json()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = page.request.get(f"{API}/runs/{run['id']}").json()
        if found["waiting"]:
            return found
    raise AssertionError("the run never came to wait")


def both_themes(page: Page, axe: Axe, shot: Shot, name: str) -> None:
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        axe(page)
        shot(page, f"{name}-{theme}")


def test_callbacks_are_listed_with_what_they_were_told(page: Page, axe: Axe, shot: Shot) -> None:
    run = waiting(page)
    page.goto("/")
    waits = page.locator("section").filter(has=page.get_by_role("heading", name="What waits"))
    expect(
        waits.get_by_text(re.compile("Wait for the answer waits for a callback, at the latest in ")).first
    ).to_be_visible()
    both_themes(page, axe, shot, "home-waiting")
    for status in (202, 200):
        assert httpx.post(run["waiting"][0]["callbackUrl"], json={"n": 1}).status_code == status
    page.goto("/inbound")
    table = page.get_by_role("table", name="Callbacks")
    mine = table.get_by_role("row").filter(has_text="Wait for the answer")
    expect(mine.filter(has_text="Accepted").first).to_be_visible()
    both_themes(page, axe, shot, "inbound-filled")
    page.get_by_role("combobox", name="Verdict").click()
    page.get_by_role("option", name="Duplicate").click()
    expect(page).to_have_url(re.compile("verdict=duplicate"))
    expect(mine.filter(has_text="Accepted")).to_have_count(0)
    mine.filter(has_text="Duplicate").first.click()
    details = page.get_by_role("dialog")
    expect(details.get_by_label("Body", exact=True)).to_contain_text("n:")
    both_themes(page, axe, shot, "inbound-open")
    details.get_by_role("button", name="Open the run").click()
    expect(page).to_have_url(re.compile(rf"/runs/{run['id']}\?node=answer"))


def test_a_token_is_shown_once_and_can_be_revoked(page: Page, product: Product, axe: Axe, shot: Shot) -> None:
    page.goto("/settings?section=tokens")
    page.get_by_role("button", name="New token").click()
    page.get_by_label("Name").fill("nightly")
    both_themes(page, axe, shot, "token-new")
    page.get_by_label("Name").press("Enter")
    token = page.get_by_test_id("token").inner_text()
    page.mouse.click(5, 5)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Copy token")).to_be_visible()
    both_themes(page, axe, shot, "token-made")
    page.get_by_role("button", name="I have copied it").click()
    expect(page.get_by_text(token)).to_have_count(0)
    bearer = {"Authorization": f"Bearer {token}"}
    session = httpx.get(f"{product.url}/api/v1/session", headers=bearer)
    assert session.json()["subject"] == "token:nightly" and session.json()["role"] == "operator"
    page.get_by_role("button", name="Revoke nightly").click()
    question = page.get_by_role("alertdialog", name="Revoke the token nightly?")
    axe(page)
    question.get_by_role("button", name="Revoke token").click()
    expect(page.get_by_role("button", name="Revoke nightly")).to_have_count(0)
    assert httpx.get(f"{product.url}/api/v1/session", headers=bearer).status_code == 401


def test_the_check_says_what_was_found(page: Page, axe: Axe, shot: Shot) -> None:
    page.goto("/check")
    expect(page.get_by_text("Runs in this process")).to_be_visible()
    expect(page.get_by_text("as in the address bar")).to_be_visible()
    expect(page.get_by_text("Only programs on this machine")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Test ")).first.click()
    expect(page.get_by_text(re.compile("answers$"))).to_be_visible()
    both_themes(page, axe, shot, "check-tested")


def test_an_empty_product_shows_the_first_steps(page: Page, axe: Axe, shot: Shot) -> None:
    def nothing(route: Route) -> None:
        route.fulfill(json={"items": [], "nextCursor": None})

    page.route(re.compile(rf"{API}(/runs|/connections)?(\?|$)"), nothing)
    page.goto("/")
    steps = page.get_by_role("listitem").filter(has=page.get_by_role("img", name="To do"))
    expect(steps).to_have_count(5)
    expect(steps.first.get_by_role("link")).to_have_attribute("href", "/connections")
    both_themes(page, axe, shot, "home-empty")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


@pytest.mark.parametrize(
    ("path", "said"), [("/settings?section=tokens", "Admins manage"), ("/inbound", "Operators see")]
)
def test_a_viewer_is_told_why_not(page: Page, path: str, said: str, axe: Axe) -> None:
    def viewer(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "role": "viewer"})

    page.route("**/api/v1/session", viewer)
    page.goto(path)
    expect(page.get_by_role("heading", name=re.compile(said))).to_be_visible()
    expect(page.get_by_text("Your role is viewer")).to_be_visible()
    axe(page)

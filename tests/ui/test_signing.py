"""A sender of callbacks is told how to sign: the secret made in the step's panel, kept in the settings."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_add_search import searched
from tests.ui.test_canvas_edit import drawn
from tests.ui.test_orchestrator import delay, node
from tests.ui.test_overview import OURS, both_themes


def added(page: Page, after: str) -> Locator:
    """The panel of a new wait behind that step."""
    node(page, after).click()
    searched(page, "wait for callback").get_by_label("Search nodes and remote workflows").press("Enter")
    expect(page.locator(f"[aria-label='Wire from {after}, port out, to Wait for callback']")).to_have_count(1)
    node(page, "Wait for callback").dblclick()
    return page.get_by_role("complementary", name="Wait for callback")


def test_a_new_wait_asks_for_a_signature_and_makes_the_secret_with_a_click(
    page: Page, axe: Axe, shot: Shot
) -> None:
    drawn(page, "Signed by click", [delay("First", 0)], [])
    panel = added(page, "First")
    expect(panel.get_by_label("Sender proves itself by")).to_contain_text("Standard Webhooks")
    both_themes(page, axe, shot, "signing-asked")
    panel.get_by_role("button", name="Make a secret").click()
    shown = panel.get_by_role("region", name="The new secret")
    expect(shown.get_by_test_id("signing-secret")).to_have_text(re.compile(r"^whsec_[A-Za-z0-9+/]{43}=$"))
    for line in ("webhook-id:", "webhook-timestamp:", "webhook-signature:"):
        expect(shown.get_by_role("listitem").filter(has_text=line)).to_have_count(1)
    for tool in ("n8n", "Make", "curl"):
        shown.get_by_role("radio", name=tool).click()
        expect(shown.locator("pre")).to_contain_text(
            {"n8n": "Code node", "Make": "sha256(", "curl": "openssl"}[tool]
        )
    both_themes(page, axe, shot, "signing-made")
    panel.get_by_label("Sender proves itself by").click()
    page.get_by_role("option", name="The token in the address alone").click()
    expect(panel.get_by_text("Right where a step hands callback.url")).to_be_visible()
    expect(panel.get_by_role("button", name="Make a secret")).to_have_count(0)


def test_a_wait_after_a_platform_takes_the_token_alone(page: Page) -> None:
    """It hands callback.url to what it calls, and n8n and Make call that as it is."""
    hook = {"provider": "n8n", "workflowId": "x", "bodyTemplate": "{{ callback.url }}"}
    send: dict[str, Any] = {**delay("Send", 0), "type": "RemoteWebhook"}
    drawn(page, "Handed on", [{**send, "data": {**send["data"], "config": hook}}], [])
    panel = added(page, "Send")
    expect(panel.get_by_label("Sender proves itself by")).to_contain_text("The token in the address alone")


def test_secrets_are_rotated_and_deleted_in_the_settings(page: Page, axe: Axe, shot: Shot) -> None:
    for name in ("Rotated", "Unused"):
        assert page.request.post("/api/v1/signing-secrets", data={"name": name}, headers=OURS).status == 201
    page.goto("/settings?section=signing")
    list_ = page.get_by_role("list", name="Signing secrets")
    page.get_by_role("button", name="Rotate Rotated").click()
    page.get_by_role("dialog").get_by_role("button", name="Rotate", exact=True).click()
    expect(page.get_by_role("dialog").get_by_test_id("signing-secret")).to_have_text(re.compile("^whsec_"))
    page.get_by_role("button", name="I have copied it").click()
    expect(list_.get_by_role("listitem").filter(has_text="Rotated")).to_contain_text(
        "the old value counts too"
    )
    both_themes(page, axe, shot, "signing-settings")
    page.get_by_role("button", name="Delete Unused").click()
    page.get_by_role("button", name="Delete secret").click()
    expect(list_.get_by_role("listitem").filter(has_text="Unused")).to_have_count(0)
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    shot(page, "signing-settings-narrow")

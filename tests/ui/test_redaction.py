"""Masked values: a rule is written with its effect in view, its masks stand in every view of a value, and one is revealed for a
reason that the audit log keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.site import Product, code_for
from tests.ui.test_run_detail import made
from tests.ui.test_runs import ORIGIN, in_both_themes, start

RULES = "/api/v1/redaction/rules"
MAIL = "ada@example.com"
INPUTS: dict[str, Any] = {"customer": {"name": "Ada", "mail": MAIL}, "total": 42, "pin": "hunter22"}
NODE = {
    "id": "take",
    "type": "DataMapper",
    "position": {"x": 0, "y": 0},
    "data": {"label": "Take", "config": {"mappings": [{"from": "input.pin", "to": "n", "type": "integer"}]}},
}
FLOW = {"version": 1, "nodes": [NODE], "edges": []}


@pytest.fixture
def unmasked_after(page: Page) -> Iterator[None]:
    """The rules are the workspace's, which all browser tests share."""
    yield
    for rule in page.request.get("/api/v1/redaction").json()["rules"]:
        assert page.request.delete(f"{RULES}/{rule['id']}", headers=ORIGIN).ok


def mask(page: Page, orchestrator: str, kind: str, value: str, name: str) -> None:
    body = {"name": name, "kind": kind, "value": value, "orchestratorId": orchestrator}
    answer = page.request.post(RULES, data=body, headers=ORIGIN)
    assert answer.status == 201, answer.text()


def test_a_masked_value_is_revealed_for_a_reason(
    page: Page, axe: Axe, shot: Shot, unmasked_after: None
) -> None:
    flow = made(page, "Masked", FLOW)
    run = start(page, flow, inputs=INPUTS)
    mask(page, flow, "preset", "email", "e-mail")
    mask(page, flow, "path", "pin", "pin")
    mask(page, flow, "pattern", "hunter[0-9]+", "word")
    page.goto(f"/runs/{run}?node=take&tab=input")
    panel = page.get_by_role("region", name="Step Take")
    mark = panel.get_by_role("button", name=f"Masked by e-mail: text, size {len(MAIL)}. Reveal")
    expect(mark).to_be_visible()
    expect(panel.get_by_role("button", name="Masked by pin: string, size 8. Reveal")).to_be_visible()
    expect(page.get_by_text(MAIL)).to_have_count(0)
    in_both_themes(page, axe, shot, "redaction-tree")
    for way in ("Table", "JSON"):
        panel.get_by_role("radio", name=way).click()
        expect(panel.get_by_role("button", name=re.compile("Masked by")).first).to_be_visible()
        shot(page, f"redaction-{way.lower()}")
        axe(page)
    panel.get_by_role("radio", name="Tree").click()
    mark.click()
    dialog = page.get_by_role("dialog", name="Reveal a masked value")
    expect(dialog.get_by_text("customer.mail")).to_be_visible()
    expect(dialog.get_by_role("button", name="Reveal", exact=True)).to_be_disabled()
    dialog.get_by_label("Reason").fill("ticket 1234")
    in_both_themes(page, axe, shot, "redaction-reason")
    dialog.get_by_role("button", name="Reveal", exact=True).click()
    expect(page.get_by_test_id("revealed")).to_contain_text(MAIL)
    in_both_themes(page, axe, shot, "redaction-revealed")
    page.get_by_role("button", name="Close", exact=True).last.click()
    expect(page.get_by_text(MAIL)).to_have_count(0)

    page.goto(f"/runs/{run}?node=take&tab=log")
    line = panel.get_by_role("list", name="Log lines").get_by_role("listitem").filter(has_text="▒▒word:8▒▒")
    shot(page, "redaction-log")
    line.get_by_role("button", name="Reveal").first.click()
    page.get_by_label("Reason").fill("ticket 1234")
    page.get_by_role("dialog").get_by_role("button", name="Reveal", exact=True).click()
    expect(page.get_by_test_id("revealed")).to_contain_text("hunter22")

    page.goto(f"/settings?section=audit&object={run}")
    told = page.get_by_role("row").filter(has_text="Payload revealed")
    expect(told).to_have_count(2)
    expect(told.first).to_contain_text("ticket 1234")
    in_both_themes(page, axe, shot, "audit-run")
    expect(page.get_by_text(MAIL)).to_have_count(0)


def test_who_may_not_reveal_is_told_who_may(
    page: Page, product: Product, unmasked_after: None, browser: Browser, shot: Shot
) -> None:
    flow = made(page, "Masked for all", FLOW)
    run = start(page, flow, inputs=INPUTS)
    mask(page, flow, "preset", "email", "e-mail")
    context = browser.new_context(base_url=product.url)
    theirs = context.new_page()
    theirs.goto(f"/runs/{run}?node=take&tab=input")
    theirs.get_by_label("Sign-in code").fill(code_for(product, "olga", "operator"))
    theirs.get_by_role("button", name="Sign in").click()
    theirs.get_by_role("button", name=re.compile("Masked by e-mail")).first.click()
    dialog = theirs.get_by_role("dialog", name="Reveal a masked value")
    expect(dialog.get_by_text("lets admins reveal")).to_be_visible()
    expect(dialog.get_by_role("button", name="Reveal", exact=True)).to_have_count(0)
    shot(theirs, "redaction-not-allowed")
    theirs.goto("/settings?section=audit")
    expect(theirs.get_by_text("Admins see the audit log")).to_be_visible()
    context.close()


def test_a_rule_is_written_with_its_effect_in_view(
    page: Page, axe: Axe, shot: Shot, unmasked_after: None
) -> None:
    flow = made(page, "Rules in view", FLOW)
    start(page, flow, inputs=INPUTS)
    page.goto("/settings?section=redaction")
    expect(page.get_by_text("Nothing is masked")).to_be_visible()
    in_both_themes(page, axe, shot, "redaction-none")
    page.get_by_role("button", name="New rule").click()
    dialog = page.get_by_role("dialog", name="New rule")
    dialog.get_by_role("combobox", name="Where").click()
    page.get_by_placeholder("Search").fill("Rules in view")
    page.get_by_role("option", name="Rules in view").first.click()
    preview = dialog.get_by_role("region", name="Preview")
    expect(preview.get_by_role("status")).to_contain_text(re.compile("^Masks"))
    expect(preview.get_by_role("img", name=re.compile("Masked by email")).first).to_be_visible()
    in_both_themes(page, axe, shot, "redaction-rule")
    dialog.get_by_role("radio", name="Pattern").click()
    dialog.get_by_label("Pattern", exact=True).last.fill("(?=x)")
    expect(preview.get_by_role("alert")).to_contain_text("look-ahead")
    axe(page)
    dialog.get_by_label("Pattern", exact=True).last.fill("hunter[0-9]+")
    dialog.get_by_role("textbox", name="Name").fill("pin")
    expect(preview.get_by_role("img", name=re.compile("Masked by pin")).first).to_be_visible()
    page.set_viewport_size({"width": 480, "height": 800})
    shot(page, "redaction-rule-narrow")
    page.set_viewport_size({"width": 1440, "height": 900})
    dialog.get_by_role("button", name="Mask from now on").click()
    rules = page.get_by_role("list", name="Rules")
    expect(rules.get_by_role("listitem")).to_have_count(1)
    expect(rules).to_contain_text("only Rules in view")
    in_both_themes(page, axe, shot, "redaction-rules")
    page.get_by_role("button", name="Remove pin").click()
    page.get_by_role("button", name="Remove rule").click()
    expect(page.get_by_text("Nothing is masked")).to_be_visible()


def test_the_audit_log_is_narrowed_and_linked_to(page: Page, axe: Axe, shot: Shot) -> None:
    flow = made(page, "Audited", FLOW)
    run = start(page, flow, inputs=INPUTS)
    page.goto("/settings?section=audit")
    rows = page.get_by_role("table", name="Audit log").get_by_role("row")
    expect(rows.filter(has_text="Run started").first).to_be_visible()
    in_both_themes(page, axe, shot, "audit")
    page.get_by_role("combobox", name="What").click()
    page.get_by_role("option", name="Orchestrators").click()
    expect(page).to_have_url(re.compile("action=orchestrator"))
    expect(rows.filter(has_text="Orchestrator created").filter(has_text="Audited").first).to_be_visible()
    expect(rows.filter(has_text="Run started")).to_have_count(0)
    page.set_viewport_size({"width": 480, "height": 800})
    shot(page, "audit-narrow")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"/runs/{run}")
    page.get_by_role("link", name="Audit log").click()
    expect(page).to_have_url(re.compile(f"object={run}"))
    expect(rows.filter(has_text="Run started")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == "audit.csv"

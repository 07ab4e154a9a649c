"""Publishing: a draft beside what is published, by mouse and by key; what keeps it from being published, and mending that."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.ui.conftest import NARROW, WIDE, Axe, Shot
from tests.ui.test_canvas_edit import SAME_ORIGIN
from tests.ui.test_drift import API, WORKFLOW, renamed
from tests.ui.test_drift import n8n as n8n
from tests.ui.test_versions import delay, made, node, nudge, saved, stored


def publish(page: Page, orchestrator: str, **body: Any) -> None:
    """Somebody publishes, elsewhere."""
    answer = page.request.post(f"{API}/{orchestrator}/publish", data=body, headers=SAME_ORIGIN)
    assert answer.status == 200, answer.text()


def both(page: Page, axe: Axe, shot: Shot, name: str) -> None:
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        axe(page)
        shot(page, f"{name}-{theme}")


def test_a_draft_is_published_by_key_and_taken_back(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Nightly orders", delay("First", 0), delay("Second", 320))
    page.goto(f"/orchestrators/{orchestrator}")
    expect(page.get_by_text("Not published")).to_be_visible()
    node(page, "First").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+P")
    dialog = page.get_by_role("dialog", name="Publish revision 1")
    expect(dialog).to_contain_text("Nothing is published yet")
    dialog.get_by_role("textbox", name="Message").fill("To begin with")
    dialog.get_by_role("button", name="Publish revision 1").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Revision 1 is published")).to_be_visible()
    expect(page.get_by_text("Published 1", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Publish"))).to_have_count(0)
    both(page, axe, shot, "published")

    nudge(page, "Second")
    expect(page.get_by_text("Draft · 1 change since revision 1")).to_be_visible()
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Revision 2", exact=True)).to_be_visible()
    assert stored(page, orchestrator)["publishedRevision"] == 1
    saved(page, orchestrator, delay("First", 0, 99), delay("Second", 400), delay("Third", 720))
    page.reload()
    expect(page.get_by_text(re.compile(r"^Draft · \d changes since revision 1$"))).to_be_visible()
    both(page, axe, shot, "draft")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "draft-narrow")
    page.set_viewport_size(WIDE)  # pyright: ignore[reportArgumentType]
    page.get_by_role("button", name="Publish revision 3").click()
    dialog = page.get_by_role("dialog", name="Publish revision 3")
    changes = dialog.get_by_role("region", name="Changes")
    expect(changes).to_contain_text("since revision 1")
    for text in ("First", "Second", "Third", "Second → Third"):
        expect(changes.get_by_text(text, exact=True)).to_be_visible()
    both(page, axe, shot, "publish-dialog")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "publish-dialog-narrow")
    page.set_viewport_size(WIDE)  # pyright: ignore[reportArgumentType]
    changes.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("region", name="Comparison")).to_contain_text(
        "Published revision 1 compared with revision 3"
    )
    page.get_by_role("button", name="Open current").click()

    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("dialog", name="Run")).to_contain_text(
        "This runs revision 3. Triggers run revision 1, which is published."
    )
    shot(page, "run-a-draft")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Publish revision 3").click()
    dialog.get_by_role("button", name="Publish revision 3").click()
    expect(page.get_by_text("Published 3", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo", exact=True).last.click()
    expect(page.get_by_text("Revision 1 is published again")).to_be_visible()
    assert stored(page, orchestrator)["publishedRevision"] == 1


def test_what_is_drawn_is_saved_and_published_at_once(page: Page) -> None:
    orchestrator = made(page, "At once", delay("First", 0), delay("Second", 320))
    publish(page, orchestrator)
    page.goto(f"/orchestrators/{orchestrator}")
    nudge(page, "First")
    page.get_by_role("button", name="Publish", exact=True).click()
    dialog = page.get_by_role("dialog", name="Publish revision 2")
    dialog.get_by_role("button", name="Save and publish revision 2").click()
    expect(page.get_by_text("Published 2", exact=True)).to_be_visible()
    found = stored(page, orchestrator)
    assert (found["revision"], found["publishedRevision"]) == (2, 2)
    assert found["definition"]["nodes"][0]["position"]["y"] == 8


def test_versions_say_what_is_published_and_go_back_to_it(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Gone back", delay("First", 0))
    publish(page, orchestrator, message="The one that works")
    saved(page, orchestrator, delay("First", 0, 99))
    publish(page, orchestrator, message="Faster")
    saved(page, orchestrator, delay("First", 0, 5))
    page.goto(f"/orchestrators/{orchestrator}?panel=versions")
    versions = page.get_by_role("list", name="Versions").get_by_role("listitem")
    expect(versions.nth(1)).to_contain_text(re.compile("Published.*Faster.*Published by"))
    expect(versions.nth(2)).to_contain_text(re.compile("The one that works.*Was published by"))
    both(page, axe, shot, "versions-published")
    page.get_by_role("complementary", name="Versions").get_by_role(
        "button", name="Compare", exact=True
    ).click()
    banner = page.get_by_role("region", name="Comparison")
    expect(banner).to_contain_text("Published revision 2 compared with revision 3")
    page.reload()
    expect(banner).to_be_visible()
    page.get_by_role("button", name="Open current").click()

    versions.nth(2).get_by_role("button", name=re.compile("^Revision 1")).click()
    earlier = page.get_by_role("region", name="Earlier revision")
    both(page, axe, shot, "earlier-revision")
    earlier.get_by_role("button", name="Compare with published").click()
    expect(banner).to_contain_text("Published revision 2 compared with revision 1")
    page.goto(f"/orchestrators/{orchestrator}?panel=versions&revision=1")
    earlier.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Publish revision 1").click()
    expect(earlier.get_by_text("Published", exact=True)).to_be_visible()
    assert stored(page, orchestrator)["publishedRevision"] == 1
    earlier.get_by_role("button", name="Unpublish").click()
    expect(page.get_by_text("Nothing is published any more")).to_be_visible()
    assert stored(page, orchestrator)["publishedRevision"] is None


def test_the_list_tells_drafts_from_what_is_published(page: Page, axe: Axe, shot: Shot) -> None:
    for name, drafts in (("Listed as published", 0), ("Listed as draft", 1)):
        orchestrator = made(page, name, delay("First", 0))
        publish(page, orchestrator)
        for _ in range(drafts):
            saved(page, orchestrator, delay("First", 0, 99))
    made(page, "Listed as never published", delay("First", 0))
    page.goto("/orchestrators?q=Listed")
    rows = page.get_by_role("table", name="Orchestrators").get_by_role("row")
    expect(rows.filter(has_text="as published")).to_contain_text("Published 1")
    expect(rows.filter(has_text="as draft")).to_contain_text("Draft since 1")
    expect(rows.filter(has_text="never published")).not_to_contain_text("since")
    both(page, axe, shot, "list")


def test_a_flow_step_says_which_revision_it_would_run(page: Page, shot: Shot) -> None:
    for name, is_published in (("Inner published", True), ("Inner unpublished", False)):
        inner = made(page, name, delay("First", 0))
        if is_published:
            publish(page, inner)
        saved(page, inner, delay("First", 0, 99))
    step = {"id": "flow", "type": "LocalFlow", "position": {"x": 0, "y": 0}, "data": {"label": "Flow"}}
    outer = made(page, "Outer", step)
    page.goto(f"/orchestrators/{outer}?node=flow")
    page.get_by_role("complementary", name="Flow").get_by_role("combobox", name="Flow").click()
    page.get_by_placeholder("Search", exact=True).fill("Inner")
    options = page.get_by_role("option")
    expect(options.filter(has_text="Inner published")).to_contain_text("Published revision 1")
    expect(options.filter(has_text="Inner unpublished")).to_contain_text("Newest revision, now 2")
    shot(page, "flow-options")


def test_errors_keep_it_from_being_published_and_lead_to_their_field(
    page: Page, axe: Axe, shot: Shot
) -> None:
    broken = delay("Broken", 0)
    broken["data"]["config"] = {"duration": "soon"}
    orchestrator = made(page, "Not to be published", broken, delay("Fine", 320))
    page.goto(f"/orchestrators/{orchestrator}")
    page.get_by_role("button", name="Publish revision 1").click()
    dialog = page.get_by_role("dialog", name="Publish revision 1")
    problems = dialog.get_by_role("region", name="Problems")
    expect(problems).to_contain_text("1 error keeps it from being published")
    expect(dialog.get_by_role("button", name="Publish revision 1")).to_be_disabled()
    both(page, axe, shot, "publish-errors")
    problems.get_by_role("button", name="Go to").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("complementary", name="Broken")).to_be_visible()
    page.wait_for_function("document.activeElement.closest('[data-field=\"/duration\"]') !== null")


def test_a_renamed_webhook_blocks_publishing_until_it_is_imported_again(
    page: Page, n8n: str, axe: Axe, shot: Shot
) -> None:
    """Walk-through 7: rename the webhook in n8n; the badge appears, publishing is blocked, importing again resolves it."""
    imported = page.request.get(f"{API}/providers/n8n/workflows/{WORKFLOW}/node").json()
    placed = {"id": "billing", "position": {"x": 0, "y": 0}, **imported}
    body = {
        "name": "Drifting before publishing",
        "definition": {"version": 1, "nodes": [placed], "edges": []},
    }
    orchestrator = page.request.post(API, data=body, headers=SAME_ORIGIN).json()["id"]
    publish(page, orchestrator)
    page.goto(f"/orchestrators/{orchestrator}?node=billing")
    panel = page.get_by_role("region", name="Import")
    badge = node(page, "Update billing").get_by_role("img", name="Changed since import")
    expect(panel).to_contain_text("Unchanged since import.")
    nudge(page, "Update billing")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Revision 2", exact=True)).to_be_visible()

    renamed(page.request, n8n)
    node(page, "Update billing").dblclick()
    panel.get_by_role("button", name="Compare with the platform now").click()
    expect(badge).to_be_visible()
    page.get_by_role("button", name="Publish revision 2").click()
    dialog = page.get_by_role("dialog", name="Publish revision 2")
    problems = dialog.get_by_role("region", name="Problems")
    expect(problems).to_contain_text("the trigger path")
    expect(dialog.get_by_role("button", name="Publish revision 2")).to_be_disabled()
    both(page, axe, shot, "publish-blocked")
    refused = page.request.post(f"{API}/{orchestrator}/publish", data={"revision": 2}, headers=SAME_ORIGIN)
    assert refused.status == 409 and refused.json()["problems"][0]["code"] == "remote-broken"

    problems.get_by_role("button", name="Go to").click()
    panel.get_by_role("button", name="Re-import").click()
    expect(badge).to_have_count(0)
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Save and publish revision 3").click()
    expect(page.get_by_text("Published 3", exact=True)).to_be_visible()
    expect(panel).to_contain_text("Unchanged since import.")
    shot(page, "resolved")
    assert stored(page, orchestrator)["publishedRevision"] == 3

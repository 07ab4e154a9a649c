"""Connections: added in three steps, tested, changed, and deleted only after saying what uses them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.ui.conftest import Axe, Shot

GONE = "http://127.0.0.1:9"
"""Nothing answers at the discard port."""


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name, exact=True)


def chosen(page: Page, name: str, item: str) -> None:
    page.get_by_role("button", name=f"More for {name}", exact=True).click()
    page.get_by_role("menuitem", name=item).click()


def address(page: Page) -> str:
    found = page.request.get("/api/v1/orchestrator/connections?provider=n8n").json()["items"]
    return next(item["baseUrl"] for item in found if item["name"] == "Sandbox n8n")


def filled(page: Page, base_url: str, key: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Address").first.fill(base_url)
    dialog.get_by_label("API key").fill(key)
    dialog.get_by_label("May call private networks").click()
    dialog.get_by_role("button", name="Test connection").click()


def test_a_connection_from_its_making_to_its_end(page: Page, axe: Axe, shot: Shot) -> None:
    page.goto("/connections")
    page.get_by_role("button", name="Add connection").click()
    axe(page)
    page.get_by_role("dialog").get_by_role("button", name="n8n").click()
    dialog = page.get_by_role("dialog", name="Connect n8n")
    dialog.get_by_role("button", name="Test connection").click()
    expect(dialog.get_by_text("This is needed.").first).to_be_visible()
    axe(page)
    filled(page, address(page), "sandbox-n8n-key")
    expect(dialog.get_by_role("status")).to_contain_text(re.compile(r"n8n answers: \d+ workflows found"))
    dialog.get_by_label("Name").fill("Second n8n")
    shot(page, "connections-tested")
    axe(page)
    dialog.get_by_role("button", name="Save connection").click()
    expect(card(page, "Second n8n")).to_contain_text("Active")

    chosen(page, "Second n8n", "Rename")
    page.get_by_role("dialog").get_by_label("Name").fill("Test n8n")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    chosen(page, "Test n8n", "Switch off")
    expect(card(page, "Test n8n")).to_contain_text("Switched off")
    chosen(page, "Test n8n", "Switch on")
    expect(card(page, "Test n8n")).to_contain_text("Active")
    card(page, "Test n8n").get_by_role("button", name="Test Test n8n").click()
    expect(page.get_by_text("Test n8n works")).to_be_visible()

    chosen(page, "Test n8n", "Change credentials")
    dialog = page.get_by_role("dialog", name="Credentials of Test n8n")
    dialog.get_by_label("API key").fill("not-the-key")
    dialog.get_by_role("button", name="Test and save").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    axe(page)
    dialog.get_by_role("button", name="Save anyway").click()
    expect(card(page, "Test n8n")).to_contain_text("Failing")
    shot(page, "connections-failing")

    chosen(page, "Test n8n", "Rotate secrets")
    dialog = page.get_by_role("dialog", name="Rotate the secrets of Test n8n")
    dialog.get_by_label("API key").fill("still-not-the-key")
    dialog.get_by_role("button", name="Test and rotate").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The old secrets are still in use")
    shot(page, "connections-rotate")
    axe(page)
    dialog.get_by_label("API key").fill("sandbox-n8n-key")
    dialog.get_by_role("button", name="Test and rotate").click()
    expect(card(page, "Test n8n")).to_contain_text("Active")

    chosen(page, "Test n8n", "Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete connection").click()
    expect(card(page, "Test n8n")).to_have_count(0)


def test_what_does_not_answer_says_so_and_can_be_saved_anyway(page: Page, shot: Shot) -> None:
    page.goto("/connections?add=n8n")
    filled(page, GONE, "some-key")
    dialog = page.get_by_role("dialog", name="Connect n8n")
    expect(dialog.get_by_role("alert")).to_be_visible()
    shot(page, "connections-refused")
    dialog.get_by_label("Name").fill("Gone n8n")
    dialog.get_by_role("button", name="Save anyway").click()
    expect(card(page, "Gone n8n")).to_contain_text("Failing")
    chosen(page, "Gone n8n", "Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete connection").click()
    expect(card(page, "Gone n8n")).to_have_count(0)


def test_a_card_says_when_its_key_ends_and_what_its_list_leaves_out(page: Page, axe: Axe, shot: Shot) -> None:
    ends = {"Sandbox n8n": timedelta(days=12, hours=1), "Sandbox Make": timedelta(days=-2)}

    def ending(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        for each in body["items"]:
            if (left := ends.get(each["name"])) is not None:
                each["secretsExpire"] = (datetime.now(UTC) + left).isoformat()
                each["leftOut"] = [{"kind": "team", "name": "Reports", "of": 3, "why": "no permission"}]
        route.fulfill(response=answer, json=body)

    page.route("**/orchestrator/connections?*", ending)
    page.goto("/connections")
    expect(card(page, "Sandbox n8n")).to_contain_text("Keyrotate in 12 days")
    expect(card(page, "Sandbox Make")).to_contain_text("Keyended 2 days ago")
    expect(card(page, "Sandbox Make")).to_contain_text("1 of 3 teams: no permission (Reports).")
    axe(page)
    shot(page, "connections-keys-light")
    page.emulate_media(color_scheme="dark")
    axe(page)
    shot(page, "connections-keys-dark")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_deleting_names_the_orchestrators_that_use_it(page: Page, theme: str, axe: Axe, shot: Shot) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    page.goto("/connections")
    chosen(page, "Sandbox n8n", "Delete")
    dialog = page.get_by_role("alertdialog")
    expect(dialog.get_by_role("alert")).to_contain_text("use")
    expect(dialog.get_by_role("link", name="Order to report")).to_be_visible()
    expect(dialog.get_by_role("button", name="Delete all the same")).to_be_visible()
    axe(page)
    shot(page, f"connections-in-use-{theme}")
    dialog.get_by_role("button", name="Keep").click()
    expect(card(page, "Sandbox n8n")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_card_says_what_uses_it(page: Page, theme: str, axe: Axe, shot: Shot) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    page.goto("/connections")
    card(page, "Sandbox Make").get_by_role("button", name="show what uses Sandbox Make").click()
    page.get_by_role("dialog").get_by_role("link", name="Order to report").click()
    expect(page).to_have_url(re.compile("/orchestrators/.*node=report"))
    page.goto("/connections")
    expect(card(page, "Sandbox Make")).to_contain_text("orchestrator")
    expect(card(page, "Sandbox Make")).to_contain_text(re.compile("Keyentered (just now|.* ago)"))
    axe(page)
    shot(page, f"connections-{theme}")


def test_an_admin_says_who_may_use_a_connection(page: Page, axe: Axe, shot: Shot) -> None:
    page.goto("/connections")
    chosen(page, "Sandbox Make", "Who may use it")
    dialog = page.get_by_role("dialog", name="Who may use Sandbox Make")
    dialog.get_by_label("Put it into drawings").click()
    page.get_by_role("option", name="Admins only").click()
    axe(page)
    shot(page, "connections-use")
    dialog.get_by_role("button", name="Save").click()
    expect(card(page, "Sandbox Make")).to_contain_text("Admins draw with it, operators start runs")
    chosen(page, "Sandbox Make", "Who may use it")
    dialog.get_by_label("Put it into drawings").click()
    page.get_by_role("option", name="Editors and above").click()
    dialog.get_by_role("button", name="Save").click()
    expect(card(page, "Sandbox Make")).not_to_contain_text("draw with it")

"""A secret that stands in a secret store: chosen in the form, shown by its place, and never asked of the person."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_connections import address, card, chosen


def test_a_key_from_a_secret_store(page: Page, axe: Axe, shot: Shot) -> None:
    page.goto("/connections")
    page.get_by_role("button", name="Add connection").click()
    page.get_by_role("dialog").get_by_role("button", name="n8n").click()
    dialog = page.get_by_role("dialog", name="Connect n8n")
    dialog.get_by_label("Address").first.fill(address(page))
    dialog.get_by_role("button", name="From a secret store").first.click()
    key = dialog.get_by_label("API key")
    expect(key).to_have_value("env:")
    axe(page)
    key.fill("env:PATH")
    dialog.get_by_label("May call private networks").click()
    dialog.get_by_role("button", name="Test connection").click()
    expect(dialog.get_by_role("alert")).to_contain_text("env:PATH may not be read")
    key.fill("env:N8N_KEY")
    shot(page, "secret-store")
    dialog.get_by_role("button", name="Test connection").click()
    expect(dialog.get_by_role("status")).to_contain_text("n8n answers")
    dialog.get_by_label("Name").fill("By reference")
    dialog.get_by_role("button", name="Save connection").click()
    expect(card(page, "By reference")).to_contain_text("Active")

    chosen(page, "By reference", "Change credentials")
    dialog = page.get_by_role("dialog", name="Credentials of By reference")
    expect(dialog.get_by_label("API key")).to_have_value("env:N8N_KEY")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    shot(page, "secret-store-narrow")
    dialog.get_by_role("button", name="Enter the secret itself").click()
    expect(dialog.get_by_label("API key")).to_have_value("")
    dialog.get_by_role("button", name="Cancel").click()
    chosen(page, "By reference", "Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete connection").click()
    expect(card(page, "By reference")).to_have_count(0)

"""The reader's own keys: chosen in the settings, in force and shown everywhere, still there after a reload."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.site import Product
from tests.ui.test_runs import in_both_themes

KEYBOARD = "/settings?section=keyboard"


def line(page: Page, does: str) -> Locator:
    return page.get_by_role("main").get_by_role("listitem").filter(has=page.get_by_text(does, exact=True))


def rebind(page: Page, does: str, *keys: str) -> Locator:
    found = line(page, does)
    found.get_by_role("button", name=f"Change the key: {does}").click()
    expect(found.get_by_role("button", name="Press a key …")).to_be_focused()
    for key in keys:
        page.keyboard.press(key)
    return found


def test_a_key_is_changed_taken_and_given_back(page: Page, product: Product, axe: Axe, shot: Shot) -> None:
    page.goto(KEYBOARD)
    changed = rebind(page, "Add a node", "x")
    expect(changed.locator("kbd")).to_have_text("X")
    expect(changed.get_by_role("button", name="Change the key: Add a node")).to_be_focused()

    refused = rebind(page, "Save", "k")
    expect(refused).to_contain_text("It counts while you type in a field")
    page.keyboard.press("Escape")
    expect(refused.locator("kbd")).to_have_text(["Ctrl", "S"])

    asked = rebind(page, "Pin or unpin the output for tests", "d")
    expect(asked).to_contain_text("D is “Switch off or on” (Add and change)")
    in_both_themes(page, axe, shot, "keys-conflict")
    expect(line(page, "Switch off or on").locator("kbd")).to_have_text("D")  # until it is taken
    asked.get_by_role("button", name="Take D").click()
    expect(asked.locator("kbd")).to_have_text("D")
    expect(line(page, "Switch off or on")).to_contain_text("no key")
    expect(rebind(page, "Runs", "g", "l").locator("kbd")).to_have_text(["G", "L"])

    page.reload()
    expect(line(page, "Add a node").locator("kbd")).to_have_text("X")
    page.goto(f"/orchestrators/{product.sample}")
    canvas = page.get_by_role("application", name="Canvas")
    expect(canvas.locator(".react-flow__node").first).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.press("?")
    overlay = page.get_by_role("dialog", name="Keys of the canvas")
    expect(
        overlay.locator("dl > div").filter(has=page.get_by_text("Add a node", exact=True)).locator("kbd").last
    ).to_have_text("X")
    expect(overlay.get_by_text("Switch off or on")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(overlay).to_have_count(0)
    page.get_by_role("navigation", name="Panels").get_by_role("button", name="Add a node").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("X")
    page.keyboard.press("x")
    expect(page.get_by_label("Search nodes and remote workflows")).to_be_focused()
    page.keyboard.press("Escape")

    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile("/runs$"))

    page.goto(KEYBOARD)
    line(page, "Switch off or on").get_by_role("button", name="Reset: Switch off or on").click()
    expect(line(page, "Switch off or on").locator("kbd")).to_have_text("D")
    expect(line(page, "Pin or unpin the output for tests")).to_contain_text("no key")
    page.get_by_role("button", name="Reset all").click()
    expect(line(page, "Add a node").locator("kbd")).to_have_text("N")
    expect(line(page, "Pin or unpin the output for tests").locator("kbd")).to_have_text("P")
    expect(page.get_by_role("button", name="Reset all")).to_be_disabled()


def test_a_key_can_be_none_and_is_found_by_what_it_does(page: Page, shot: Shot) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(KEYBOARD)
    page.get_by_label("Search the keys").fill("replay")
    expect(page.get_by_role("button", name=re.compile("^Change the key"))).to_have_count(2)
    back = rebind(page, "Step back")
    back.get_by_role("button", name="No key").click()
    expect(back).to_contain_text("no key")
    shot(page, "keys-narrow")
    page.get_by_label("Search the keys").fill("nothing is so")
    expect(page.get_by_text("No such key")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="Reset all").click()
    expect(line(page, "Step back").locator("kbd")).to_have_text("Comma")

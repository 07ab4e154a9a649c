"""Two people with one drawing open: what one says, selects and saves is seen by the other."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import Product, code_for
from tests.ui.test_versions import SAME_ORIGIN, delay, in_both_themes, made, node, nudge, saved

CANARY = "<img src=x onerror=alert(1)> see https://example.org/runs/7."
Visit = Callable[[str, str], Page]


@pytest.fixture
def visit(browser: Browser, product: Product, browser_context_args: dict[str, Any]) -> Iterator[Visit]:
    """Somebody else at a browser of their own: `visit("ben", "operator")`."""
    contexts: list[BrowserContext] = []

    def come(subject: str, role: str) -> Page:
        context = browser.new_context(**{**browser_context_args, "storage_state": None})
        contexts.append(context)
        page = context.new_page()
        page.goto("/sign-in")
        page.get_by_label("Sign-in code").fill(code_for(product, subject, role))
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"{product.url}/")
        return page

    yield come
    for context in contexts:
        context.close()


def comments(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Comments")


def write(page: Page, text: str) -> None:
    comments(page).get_by_label("New comment").fill(text)
    comments(page).get_by_role("button", name="Comment", exact=True).click()
    expect(comments(page).get_by_label("New comment")).to_have_value("")


def said(page: Page, orchestrator: str, text: str, **about: Any) -> dict[str, Any]:
    answer = page.request.post(
        f"/api/v1/orchestrator/{orchestrator}/comments", data={"text": text, **about}, headers=SAME_ORIGIN
    )
    assert answer.status == 201, answer.text()
    return answer.json()


def test_two_people_see_each_other(page: Page, visit: Visit, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Looked at", delay("First", 0), delay("Second", 320))
    page.goto(f"/orchestrators/{orchestrator}")
    ben = visit("ben", "operator")
    ben.goto(f"/orchestrators/{orchestrator}")
    here = page.get_by_role("button", name="1 other person here")
    expect(here).to_be_visible()
    expect(ben.get_by_role("button", name="1 other person here")).to_be_visible()

    # What one has selected has a mark for the other.
    node(ben, "Second").click()
    expect(node(page, "Second").get_by_role("img", name="ben has it selected")).to_be_visible()
    here.click()
    people = page.get_by_role("dialog", name="People here")
    expect(people).to_contain_text("ben")
    expect(people).to_contain_text("Second")
    shot(page, "people-here")
    axe(page)
    page.keyboard.press("Escape")
    # Who closes is gone.
    ben.context.close()
    expect(here).to_have_count(0)
    expect(node(page, "Second").get_by_role("img", name="ben has it selected")).to_have_count(0)


def test_two_people_talk_about_a_node(page: Page, visit: Visit, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Talked about", delay("First", 0), delay("Second", 320), delay("Third", 640))
    page.goto(f"/orchestrators/{orchestrator}")
    ben = visit("ben", "operator")
    ben.goto(f"/orchestrators/{orchestrator}")
    node(ben, "Second").click()

    # A comment appears at the other's without a reload: on the card, in the panel, in the Outline.
    node(page, "First").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+C")
    expect(comments(page).get_by_label("New comment")).to_be_focused()
    expect(comments(page).get_by_role("combobox", name="What it is about")).to_contain_text("On First")
    write(page, CANARY)
    pin = node(ben, "First").get_by_role("button", name="1 open comment on First")
    expect(pin).to_be_visible()
    ben.get_by_role("button", name="Outline").click()
    expect(ben.get_by_role("complementary", name="Outline")).to_contain_text("1 open comment")
    ben.keyboard.press("Escape")
    pin.click()
    thread = comments(ben).get_by_role("article")
    expect(thread).to_contain_text("<img src=x onerror=alert(1)> see https://example.org/runs/7.")
    expect(thread.get_by_role("link")).to_have_attribute("href", "https://example.org/runs/7")
    expect(thread.locator("img:not([role])")).to_have_count(0)

    # The answer, an edit, and resolved.
    thread.get_by_role("button", name="Answer").click()
    thread.get_by_label("Answer").fill("It retries by itself.")
    ben.keyboard.press("Control+Enter")
    first = comments(page).get_by_role("article")
    expect(first).to_contain_text("It retries by itself.")
    thread.get_by_role("button", name="Actions for the comment of ben").click()
    ben.get_by_role("menuitem", name="Edit").click()
    thread.get_by_label("Text of the comment").fill("It retries three times.")
    thread.get_by_role("button", name="Save").click()
    expect(first).to_contain_text("It retries three times.")
    expect(first).to_contain_text("edited")
    in_both_themes(page, axe, shot, "comments")
    thread.get_by_role("button", name="Resolve").click()
    expect(comments(page).get_by_text("No open comments")).to_be_visible()
    expect(node(page, "First").get_by_role("button", name=re.compile("open comment"))).to_have_count(0)
    comments(page).get_by_role("radio", name="Resolved").click()
    expect(first).to_contain_text("Resolved by ben")
    page.reload()
    expect(first).to_contain_text("Resolved by ben")
    first.get_by_role("button", name="Open it again").click()
    expect(comments(ben).get_by_role("article")).to_have_count(1)


def test_two_tabs_of_one_person_are_nobody_else(page: Page, context: BrowserContext, visit: Visit) -> None:
    orchestrator = made(page, "Alone", delay("First", 0))
    page.goto(f"/orchestrators/{orchestrator}")
    other = context.new_page()
    other.goto(f"/orchestrators/{orchestrator}")
    ben = visit("ben", "viewer")
    ben.goto(f"/orchestrators/{orchestrator}")
    expect(ben.get_by_role("button", name="1 other person here")).to_be_visible()
    for mine in (page, other):
        expect(mine.get_by_role("button", name="1 other person here")).to_be_visible()
    other.close()
    node(page, "First").click()
    expect(node(ben, "First").get_by_role("img", name=re.compile("has it selected"))).to_be_visible()
    page.close()
    expect(ben.get_by_role("button", name=re.compile("here$"))).to_have_count(0)


def test_a_viewer_reads(page: Page, visit: Visit, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Read", delay("First", 0))
    said(page, orchestrator, "for everybody", nodeId="first")
    ben = visit("vera", "viewer")
    ben.goto(f"/orchestrators/{orchestrator}?panel=comments")
    expect(comments(ben).get_by_role("article")).to_contain_text("for everybody")
    expect(comments(ben).get_by_label("New comment")).to_have_count(0)
    for name in ("Resolve", "Answer"):
        expect(comments(ben).get_by_role("button", name=name)).to_have_count(0)
    expect(comments(ben).get_by_role("button", name=re.compile("Actions for"))).to_have_count(0)
    axe(ben)


def test_threads_on_a_place_on_a_node_that_is_gone_and_on_everything(
    page: Page, axe: Axe, shot: Shot
) -> None:
    orchestrator = made(page, "Places", delay("First", 0), delay("Second", 320))
    said(page, orchestrator, "about what was here", nodeId="second")
    saved(page, orchestrator, delay("First", 0))
    page.goto(f"/orchestrators/{orchestrator}?panel=comments")
    panel = comments(page)
    expect(panel.get_by_role("article")).to_contain_text("On a node that is gone")
    write(page, "about everything")
    expect(panel.get_by_role("article").first).to_contain_text("The whole drawing")

    panel.get_by_role("combobox", name="What it is about").click()
    page.get_by_role("option", name="On a place of the canvas").click()
    canvas = page.get_by_role("application", name="Canvas").or_(page.locator(".react-flow")).first
    canvas.click(position={"x": 500, "y": 150})
    expect(panel.get_by_role("combobox", name="What it is about")).to_contain_text(
        "On the place that was chosen"
    )
    write(page, "about this corner")
    pin = page.get_by_role("button", name="Comment on this place")
    expect(pin).to_be_visible()
    in_both_themes(page, axe, shot, "comment-places")
    panel.get_by_role("button", name="Close").click()
    pin.click()
    shown = comments(page).locator("article[aria-current]")
    expect(shown).to_contain_text("about this corner")
    expect(shown).to_be_focused()

    shown.get_by_role("button", name=re.compile("Actions for the comment")).click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Delete the comment").click()
    expect(pin).to_have_count(0)
    expect(comments(page).get_by_role("article")).to_have_count(2)


def test_my_own_threads_and_those_of_a_node(page: Page, visit: Visit) -> None:
    orchestrator = made(page, "Filtered", delay("First", 0), delay("Second", 320))
    ben = visit("ben", "operator")
    for name, who in itertools.product(("first", "second"), (page, ben)):
        said(who, orchestrator, f"{name} by {'me' if who is page else 'ben'}", nodeId=name)
    page.goto(f"/orchestrators/{orchestrator}?panel=comments")
    threads = comments(page).get_by_role("article")
    expect(threads).to_have_count(4)
    comments(page).get_by_role("checkbox", name="Mine").click()
    expect(threads).to_have_count(2)
    expect(comments(page)).not_to_contain_text("by ben")
    comments(page).get_by_role("checkbox", name="Mine").click()
    node(page, "Second").get_by_role("button", name="2 open comments on Second").click()
    expect(threads).to_have_count(2)
    expect(comments(page)).not_to_contain_text("first by")
    comments(page).get_by_role("button", name="Comments on every node").click()
    expect(threads).to_have_count(4)
    # To the node, by the keyboard.
    threads.last.get_by_role("button", name="First").press("Enter")
    expect(node(page, "First")).to_be_focused()


def test_somebody_saves_while_it_is_open_here(page: Page, visit: Visit, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Saved elsewhere", delay("First", 0))
    page.goto(f"/orchestrators/{orchestrator}")
    expect(node(page, "First")).to_be_visible()
    ben = visit("ben", "editor")
    saved(ben, orchestrator, delay("First", 0), delay("Second", 320))
    line = page.get_by_role("region", name="Saved elsewhere")
    expect(line).to_contain_text("ben saved revision 2")
    expect(node(page, "Second")).to_have_count(0)
    in_both_themes(page, axe, shot, "saved-elsewhere")
    line.get_by_role("button", name="Load it").click()
    expect(node(page, "Second")).to_be_visible()
    expect(line).to_have_count(0)

    # With something drawn here, nothing is lost before it is chosen.
    nudge(page, "First")
    saved(ben, orchestrator, delay("First", 0), delay("Third", 320))
    expect(line).to_contain_text("ben saved revision 3")
    line.get_by_role("button", name="Choose what to keep").click()
    dialog = page.get_by_role("dialog", name="It was saved elsewhere meanwhile")
    dialog.get_by_role("button", name="Reload, dropping my changes").click()
    expect(node(page, "Third")).to_be_visible()
    expect(line).to_have_count(0)
    # My own saves are no news to me.
    nudge(page, "First")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Revision 4", exact=True)).to_be_visible()
    expect(line).to_have_count(0)


def test_on_a_narrow_screen_comments_are_a_sheet(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Narrow talk", delay("First", 0), delay("Second", 320))
    said(page, orchestrator, "Why ten seconds? The contract says two.", nodeId="second")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    page.goto(f"/orchestrators/{orchestrator}?panel=comments")
    thread = comments(page).get_by_role("article")
    expect(thread).to_contain_text("Why ten seconds?")
    in_both_themes(page, axe, shot, "comments-narrow")
    thread.get_by_role("button", name="Second").click()
    expect(comments(page)).to_have_count(0)
    expect(node(page, "Second")).to_be_focused()

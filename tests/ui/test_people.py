"""People, as they meet it: the first password, an invitation, another role, a removal, and the places one is signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import NARROW, WIDE, Axe, Shot
from tests.ui.site import Product, running

OWNER, PASSWORD = "ann@example.org", "a quiet rotund heron"
OTHER = "nine lamps in a barn"
pytestmark = pytest.mark.timeout(240)
"""Each test builds and starts a product of its own, and looks at each page three times."""


@pytest.fixture
def team() -> Iterator[Product]:
    """A product of its own: who has a password changes the sign-in page for everybody."""
    with running(sandbox=False) as found:
        yield found


def fresh(browser: Browser, team: Product) -> Page:
    """A browser in which nobody is signed in."""
    context = browser.new_context(
        base_url=team.url, reduced_motion="reduce", locale="en-GB", timezone_id="UTC"
    )
    page = context.new_page()
    page.set_viewport_size(WIDE)  # pyright: ignore[reportArgumentType]
    return page


def seen(page: Page, axe: Axe, shot: Shot, name: str) -> None:
    """In both themes and narrow: no finding of axe, nothing to scroll sideways."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        axe(page)
        shot(page, f"{name}-{theme}")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    shot(page, f"{name}-narrow")
    page.set_viewport_size(WIDE)  # pyright: ignore[reportArgumentType]


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def set_up(page: Page, team: Product, password: str) -> None:
    page.get_by_label("Code").fill(team.code)
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("E-mail").fill(OWNER)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Set up").click()


def settings(page: Page, section: str) -> None:
    page.goto(f"/settings?section={section}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)


def test_a_team_comes_works_and_goes(browser: Browser, team: Product, axe: Axe, shot: Shot) -> None:
    ann, bo = fresh(browser, team), fresh(browser, team)
    ann.goto("/setup")
    expect(ann.get_by_role("heading", level=1)).to_have_text("Set up this server")
    seen(ann, axe, shot, "setup")
    set_up(ann, team, "passwordpassword")
    expect(ann.get_by_role("alert")).to_contain_text("others try")
    set_up(ann, team, PASSWORD)
    expect(ann.get_by_role("heading", level=1)).to_have_text("Home")
    ann.goto("/setup")
    expect(ann.get_by_role("heading", level=1)).to_have_text("Not found")

    bo.goto("/runs")
    expect(bo.get_by_label("Password")).to_be_visible()
    seen(bo, axe, shot, "sign-in-password")
    sign_in(bo, OWNER, "not the password")
    expect(bo.get_by_role("alert")).to_contain_text("wrong")
    bo.get_by_role("link", name="Forgot the password?").click()
    expect(bo.get_by_text("baton people reset")).to_be_visible()
    axe(bo)

    settings(ann, "people")
    ann.get_by_role("button", name="Invite", exact=True).click()
    dialog = ann.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("bo@example.org")
    seen(ann, axe, shot, "invite")
    dialog.get_by_role("button", name="Invite", exact=True).click()
    link = ann.get_by_test_id("invitation").inner_text()
    assert link.startswith(f"{team.url}/invitation?token=invitation_")
    seen(ann, axe, shot, "invited")
    ann.get_by_role("button", name="Done").click()
    expect(ann.get_by_role("list", name="Invitations")).to_contain_text("bo@example.org")
    expect(ann.get_by_text(link)).to_have_count(0)

    bo.goto(link)
    expect(bo.get_by_role("heading", level=1)).to_have_text("Join default")
    seen(bo, axe, shot, "invitation")
    bo.get_by_label("Name").fill("Bo")
    bo.get_by_label("Password").fill(OTHER)
    bo.get_by_role("button", name="Accept").click()
    expect(bo.get_by_role("heading", level=1)).to_have_text("Home")
    expect(bo.get_by_role("button", name="Account: bo@example.org")).to_be_visible()
    settings(bo, "people")
    expect(bo.get_by_role("heading", name="Admins manage people")).to_be_visible()

    settings(ann, "people")
    people = ann.get_by_role("list", name="People")
    expect(people.get_by_role("listitem")).to_have_count(2)
    seen(ann, axe, shot, "people")
    ann.get_by_role("combobox", name="Role of Ann").click()
    ann.get_by_role("option", name="Viewer").click()
    expect(ann.get_by_text("last admin")).to_be_visible()
    ann.get_by_role("combobox", name="Role of Bo").click()
    ann.get_by_role("option", name="Editor").click()
    expect(ann.get_by_text("Bo is editor now")).to_be_visible()

    bo.get_by_role("link", name="Runs").first.click()
    expect(bo.get_by_text("You are signed out")).to_be_visible()
    sign_in(bo, "bo@example.org", OTHER)
    expect(bo.get_by_role("heading", level=1)).to_have_text("Home")
    settings(bo, "general")
    expect(bo.get_by_text("editor", exact=True)).to_be_visible()

    people.get_by_role("button", name="Remove Bo").click()
    question = ann.get_by_role("alertdialog", name=re.compile("Remove Bo"))
    axe(ann)
    question.get_by_role("button", name="Remove").click()
    expect(people.get_by_role("listitem")).to_have_count(1)
    assert bo.request.get("/api/v1/session").status == 401
    bo.goto("/runs")
    expect(bo.get_by_role("heading", level=1)).to_have_text("Sign in")
    sign_in(bo, "bo@example.org", OTHER)
    expect(bo.get_by_role("alert")).to_contain_text("wrong")
    for page in (ann, bo):
        page.context.close()


def test_ones_own_place_workspaces_and_tokens(browser: Browser, team: Product, axe: Axe, shot: Shot) -> None:
    here, there = fresh(browser, team), fresh(browser, team)
    here.goto("/setup")
    set_up(here, team, PASSWORD)
    for page in (there, here):
        sign_in(page, OWNER, PASSWORD)
        expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    settings(here, "sessions")
    places = here.get_by_role("list", name="Sessions").get_by_role("listitem")
    expect(places.filter(has_text="this one")).to_have_count(1)
    expect(places.first).to_contain_text("on Linux")
    seen(here, axe, shot, "sessions")
    here.get_by_role("button", name="End all others").click()
    expect(places).to_have_count(1)
    assert there.request.get("/api/v1/session").status == 401

    settings(here, "profile")
    seen(here, axe, shot, "profile")
    here.get_by_label("Name").fill("Ann Other")
    here.get_by_role("button", name="Save").click()
    expect(here.get_by_text("Your name is saved")).to_be_visible()
    here.get_by_label("Current password").fill("not the password")
    here.get_by_label("New password").fill(OTHER)
    here.get_by_role("button", name="Change password").click()
    expect(here.get_by_text("is not your password")).to_be_visible()
    here.get_by_label("Current password").fill(PASSWORD)
    here.get_by_role("button", name="Change password").click()
    expect(here.get_by_text("Your password is set")).to_be_visible()

    settings(here, "tokens")
    here.get_by_role("button", name="New personal token").click()
    here.get_by_label("Name").fill("laptop")
    here.get_by_label("Name").press("Enter")
    token = here.get_by_test_id("token").inner_text()
    here.get_by_role("button", name="I have copied it").click()
    expect(here.get_by_role("list", name="Your tokens")).to_contain_text("acts as ann@example.org")
    seen(here, axe, shot, "tokens")
    bearer = {"Authorization": f"Bearer {token}"}
    assert there.request.get("/api/v1/session", headers=bearer).json()["role"] == "viewer"

    settings(here, "workspaces")
    here.get_by_role("button", name="New workspace").click()
    here.get_by_role("textbox", name="Name").fill("Second")
    here.get_by_role("button", name="Create workspace").click()
    expect(here.get_by_role("list", name="Workspaces").get_by_role("listitem")).to_have_count(2)
    seen(here, axe, shot, "workspaces")
    here.get_by_role("button", name="Workspace: default").click()
    here.get_by_role("menuitemradio", name="Second").click()
    expect(here.get_by_role("button", name="Workspace: Second")).to_be_visible()
    settings(here, "people")
    expect(here.get_by_role("list", name="People").get_by_role("listitem")).to_have_count(1)
    shot(here, "second-workspace")
    settings(here, "workspaces")
    here.get_by_role("button", name="Rename Second").click()
    here.get_by_role("textbox", name="Name").fill("default")
    here.get_by_role("button", name="Rename", exact=True).click()
    expect(here.get_by_text("There is a workspace 'default'.")).to_be_visible()
    for page in (here, there):
        page.context.close()

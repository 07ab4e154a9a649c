"""A whole sign-in at an issuer in a real browser, and what the settings show of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.oidc_issuer import MockIssuer, issuing
from tests.ui.conftest import NARROW, WIDE, Axe, Shot
from tests.ui.site import Product, running

pytestmark = pytest.mark.timeout(240)  # the first test builds the screens and starts a product of its own
TITLE = "Example Corp"


@contextmanager
def up() -> Generator[MockIssuer]:
    """An issuer in a thread of its own: the browser has this one's loop."""
    found, ready = MockIssuer(), threading.Event()
    found.asks = True
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with issuing(found):
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield found
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(20)
        loop.close()


@pytest.fixture(scope="module")
def issuer() -> Iterator[MockIssuer]:
    with up() as found:
        yield found


@pytest.fixture(scope="module")
def own_product(issuer: MockIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    file: Path = tmp_path_factory.mktemp("oidc") / "issuers.toml"
    file.write_text(
        f'[corp]\ntitle = "{TITLE}"\nissuer = "{issuer.url}"\nclient_id = "{issuer.client}"\n'
        f'client_secret = "{issuer.secret}"\nnewcomers = "operator"\n'
        'groups = {"baton-admins" = "admin", "staff" = "operator"}\n'
    )
    with running(sandbox=False, BATON_OIDC_FILE=str(file), BATON_EGRESS_ALLOW="127.0.0.0/8") as found:
        yield found


@pytest.fixture(autouse=True)
def as_before(issuer: MockIssuer) -> Iterator[None]:
    """Whoever a test signs in as, the next one meets the same person there."""
    before = dict(issuer.person)
    yield
    issuer.person.clear()
    issuer.person.update(before)


@pytest.fixture
def outside(browser: Browser, own_product: Product) -> Iterator[BrowserContext]:
    """A browser that nobody is signed in with."""
    context = browser.new_context(base_url=own_product.url, viewport=WIDE, reduced_motion="reduce")  # pyright: ignore[reportArgumentType]
    yield context
    context.close()


def pictured(page: Page, name: str, axe: Axe, shot: Shot) -> None:
    """In both themes and both widths, with no finding of axe and nothing wider than the screen."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        axe(page)
        shot(page, f"{name}-{theme}")
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    shot(page, f"{name}-narrow")
    page.set_viewport_size(WIDE)  # pyright: ignore[reportArgumentType]


def test_a_newcomer_signs_in_and_out(
    outside: BrowserContext, own_product: Product, issuer: MockIssuer, axe: Axe, shot: Shot
) -> None:
    page = outside.new_page()
    page.goto("/orchestrators?q=order")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    pictured(page, "sign-in", axe, shot)
    page.get_by_role("link", name=f"Sign in with {TITLE}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mock issuer")
    page.get_by_role("link", name="Continue as Ann Lee").click()
    page.wait_for_url(f"{own_product.url}/orchestrators?q=order")
    expect(page.get_by_role("heading", level=1)).to_have_text("Orchestrators")
    cookies = {cookie["name"]: cookie for cookie in outside.cookies()}  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert set(cookies) == {"baton_session", "baton_via"} and cookies["baton_session"].get("httpOnly")
    page.goto("/settings?section=profile")
    listed = page.get_by_role("list", name="Single sign-on")
    expect(listed).to_contain_text("ann@example.org")
    expect(listed).to_contain_text("your only way to sign in")
    expect(listed.get_by_role("button")).to_have_count(0)
    pictured(page, "profile", axe, shot)
    page.goto("/settings?section=single-sign-on")
    expect(page.get_by_text("Admins see how people sign in")).to_be_visible()
    page.evaluate("document.getElementById('sign-out').submit()")
    there = page.get_by_role("link", name=f"Sign out of {TITLE}, too")
    expect(there).to_be_visible()
    pictured(page, "signed-out", axe, shot)
    there.click()
    page.wait_for_url(f"{own_product.url}/sign-in")
    assert issuer.hits["logout"] == 1 and not outside.cookies()


def test_a_refused_sign_in_says_so_clearly(
    outside: BrowserContext, issuer: MockIssuer, axe: Axe, shot: Shot
) -> None:
    page = outside.new_page()
    issuer.wrong = "wrong-nonce"
    try:
        page.goto("/sign-in")
        page.get_by_role("link", name=f"Sign in with {TITLE}").click()
        page.get_by_role("link", name="Continue as Ann Lee").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in refused")
    finally:
        issuer.wrong = ""
    expect(page.get_by_text("sign-in-refused")).to_be_visible()
    pictured(page, "refused", axe, shot)
    page.get_by_role("link", name="Back to the start").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_an_admin_sees_the_issuers_and_links_an_account(
    outside: BrowserContext, own_product: Product, issuer: MockIssuer, axe: Axe, shot: Shot
) -> None:
    page = outside.new_page()
    page.goto(f"/sign-in?code={own_product.code}&next=%2Fsettings%3Fsection%3Dsingle-sign-on")
    page.get_by_role("button", name="Sign in").click()
    section = page.get_by_role("main")
    expect(section.get_by_role("heading", level=2)).to_have_text(TITLE)
    expect(section).to_contain_text("/sign-in/back/corp")
    expect(section).to_contain_text("baton-admins: admin")
    section.get_by_role("button", name="Test discovery").click()
    expect(section).to_contain_text("It answers. 1 key for RS256")
    pictured(page, "single-sign-on", axe, shot)
    assert issuer.secret not in page.content()
    issuer.wrong = "discovery-of-another"
    try:
        section.get_by_role("button", name="Test discovery").click()
        expect(section).to_contain_text("the discovery document is that of")
    finally:
        issuer.wrong = ""
    shot(page, "single-sign-on-wrong")
    section.get_by_role("button", name="Test discovery").click()
    expect(section).to_contain_text("It answers.")
    issuer.person["sub"] = "u-boss"
    page.goto("/settings?section=profile")
    page.get_by_role("link", name=f"Link {TITLE}").click()
    page.get_by_role("link", name="Continue as Ann Lee").click()
    page.wait_for_url(f"{own_product.url}/settings?section=profile")
    expect(page.get_by_role("list", name="Single sign-on")).to_contain_text("linked")
    expect(page.get_by_role("link", name=f"Link {TITLE}")).to_have_count(0)
    pictured(page, "linked", axe, shot)

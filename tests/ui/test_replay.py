"""Runs on the canvas: watched as they happen, over a cut connection too, and played again afterwards."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, WIDE, Axe, Shot
from tests.ui.site import Product

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
STEPS = {
    "Price the order": "COMPLETED",
    "Order and amount": "COMPLETED",
    "Ship it": "COMPLETED",
    "Worth a report?": "COMPLETED",
    "Build the report": "COMPLETED",
    "No report": "SKIPPED",
    "Ask for approval": "COMPLETED",
    "Approved?": "COMPLETED",
    "Summary": "COMPLETED",
}


def node(page: Page, name: str) -> Locator:
    return page.locator(".react-flow__node").filter(has_text=name)


def status(page: Page, name: str, word: str) -> Locator:
    return node(page, name).locator(f"[data-status={word}]")


def chain(page: Page, name: str, durations: dict[str, int | None]) -> str:
    """An orchestrator of delays, or mappers where none is given, one after the other; its id."""
    names = list(durations)
    nodes = [
        {
            "id": each.lower(),
            "type": "DataMapper" if duration is None else "Delay",
            "position": {"x": 312 * index, "y": 0},
            "data": {"label": each, "config": {} if duration is None else {"duration": duration}},
        }
        for index, (each, duration) in enumerate(durations.items())
    ]
    edges = [
        {"id": f"{a}-{b}", "source": a.lower(), "target": b.lower()} for a, b in itertools.pairwise(names)
    ]
    body = {"name": name, "definition": {"version": 1, "nodes": nodes, "edges": edges}}
    answer = page.request.post("/api/v1/orchestrator", data=body, headers=SAME_ORIGIN)
    assert answer.status == 201, answer.text()
    return answer.json()["id"]


def start(page: Page, orchestrator: str, wait: bool = False) -> dict[str, Any]:
    headers = {**SAME_ORIGIN, **({"Prefer": "wait=30"} if wait else {})}
    answer = page.request.post(
        f"/api/v1/orchestrator/{orchestrator}/run", data={"inputs": {}}, headers=headers
    )
    assert answer.status == (200 if wait else 202), answer.text()
    return answer.json()


def in_both_themes(page: Page, axe: Axe, shot: Shot, name: str) -> None:
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        shot(page, f"{name}-{theme}")
        axe(page)


def test_from_home_to_all_platforms_finished(page: Page, product: Product, axe: Axe, shot: Shot) -> None:
    """Walk-through 1, from where signing in leads to; the fixture has signed in, by the form."""
    page.goto("/")
    page.get_by_role("link", name="Orchestrators").first.click()
    page.get_by_role("searchbox").fill("Order to report")
    page.get_by_role("row", name=re.compile("^Order to report")).first.click()
    expect(node(page, "Price the order")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^(Start run|Run)$")).click()
    bar = page.get_by_role("region", name="Run", exact=True)
    expect(bar.get_by_role("button", name="Follow on")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name=re.compile("^Run log")).click()
    for name, word in STEPS.items():
        expect(status(page, name, word)).to_be_attached(timeout=40_000)
    expect(bar).to_contain_text("9 of 9 steps")
    expect(bar.get_by_role("status").first).to_have_text("Completed")
    expect(page.get_by_role("list", name="Log lines")).to_contain_text("completed")
    in_both_themes(page, axe, shot, "run-ended")
    bar.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("slider", name="Time in the run")).to_be_visible()


def test_a_past_run_is_played_again(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = chain(page, "Played", {"First": 300, "Second": 300, "Third": 300})
    run = start(page, orchestrator, wait=True)
    changed = page.request.get(f"/api/v1/orchestrator/{orchestrator}").json()["definition"]
    changed["nodes"] = changed["nodes"][:2]
    changed["edges"] = changed["edges"][:1]
    page.request.put(
        f"/api/v1/orchestrator/{orchestrator}", data={"definition": changed}, headers=SAME_ORIGIN
    )
    page.goto(f"/orchestrators/{orchestrator}?run={run['id']}&drawer=log&panel=outline")
    banner = page.get_by_role("region", name="Run", exact=True)
    expect(banner).to_contain_text(f"Run {run['number']}")
    expect(banner).to_contain_text("Revision 1 (current 2)")
    expect(status(page, "Third", "COMPLETED")).to_be_visible()
    lines = page.get_by_role("list", name="Log lines").get_by_role("listitem")
    expect(lines.last).to_contain_text("completed")
    whole = lines.count()
    in_both_themes(page, axe, shot, "replay")

    slider = page.get_by_role("slider", name="Time in the run")
    slider.focus()
    page.keyboard.press("Home")
    for name in ("Second", "Third"):
        expect(status(page, name, "PENDING")).to_be_visible()
    expect(status(page, "First", "COMPLETED")).to_have_count(0)  # it begins within the run's first millisecond
    assert lines.count() < whole
    page.keyboard.press(".")
    expect(slider).not_to_have_value("0")
    node(page, "First").click()
    page.keyboard.press("Escape")
    steps = 0
    while not status(page, "Second", "COMPLETED").is_visible() and steps < 30:
        page.keyboard.press(".")
        steps += 1
    expect(status(page, "First", "COMPLETED")).to_be_visible()
    expect(status(page, "Second", "COMPLETED")).to_be_visible()
    expect(status(page, "Third", "COMPLETED")).to_have_count(0)
    in_both_themes(page, axe, shot, "replay-midway")
    page.keyboard.press(",")
    expect(status(page, "Second", "COMPLETED")).to_have_count(0)
    page.get_by_role("radio", name="×10").click()
    page.get_by_role("button", name="Play").click()
    expect(status(page, "Third", "COMPLETED")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_visible()

    page.reload()
    expect(slider).to_be_visible()
    expect(page.get_by_role("complementary", name="Outline")).to_be_visible()
    expect(lines.last).to_contain_text("completed")
    expect(banner.get_by_role("link", name="Re-run…")).to_have_attribute("href", re.compile("again=true"))
    page.get_by_role("button", name="Versions").click()
    expect(page.get_by_role("list", name="Versions").get_by_role("listitem")).to_have_count(2)
    banner.get_by_role("button", name="Compare").click()
    expect(node(page, "Third").locator("[data-mark=removed]")).to_be_visible()
    page.get_by_role("button", name="Open current").click()
    expect(node(page, "Third")).to_have_count(0)
    expect(node(page, "First")).to_be_visible()
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    page.goto(f"/orchestrators/{orchestrator}?run={run['id']}")
    expect(slider).to_be_visible()
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    shot(page, "replay-narrow")
    page.set_viewport_size(WIDE)  # pyright: ignore[reportArgumentType]


class Line:
    """A connection to the product that can be cut: every byte goes through here, until nothing does."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.up = threading.Event()
        self.up.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                if not self.up.is_set():
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(source, sink), daemon=True).start()

    def cut(self) -> None:
        self.up.clear()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def restore(self) -> None:
        self.up.set()

    def close(self) -> None:
        self.cut()
        self._server.close()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(product: Product) -> Iterator[Line]:
    found = Line(urlsplit(product.url).port or 80)
    yield found
    found.close()


def test_a_cut_stream_goes_on_without_a_gap(page: Page, line: Line, axe: Axe, shot: Shot) -> None:
    names = [f"Step{number}" for number in range(1, 7)]
    orchestrator = chain(page, "Cut off", dict.fromkeys(names, 1200))
    run = start(page, orchestrator)
    page.goto(f"{line.url}/orchestrators/{orchestrator}?run={run['id']}&drawer=log")
    bar = page.get_by_role("region", name="Run", exact=True)
    expect(status(page, "Step1", "COMPLETED")).to_be_visible()
    expect(page.get_by_role("list", name="Log lines")).to_be_visible()  # its part of the page has come, too
    line.cut()
    expect(bar).to_contain_text("Live updates are cut off")
    assert page.locator("[data-status=COMPLETED]").count() < len(names)
    in_both_themes(page, axe, shot, "stream-cut")
    line.restore()
    expect(bar).not_to_contain_text("Live updates are cut off")
    for name in names:
        expect(status(page, name, "COMPLETED")).to_be_attached(timeout=30_000)
    expect(bar.get_by_role("status").first).to_have_text("Completed")
    kept = page.request.get(f"/api/v1/orchestrator/runs/{run['id']}/logs?limit=200").json()["items"]
    expect(page.get_by_role("button", name=f"Run log {len(kept)}")).to_be_visible()
    shown = page.get_by_role("list", name="Log lines").get_by_role("listitem")
    expect(shown).to_contain_text([line["message"] for line in kept])


def test_a_run_started_elsewhere_is_offered_and_edits_are_marked(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = chain(page, "Watched", {"First": 200, "Second": 60_000})
    page.goto(f"/orchestrators/{orchestrator}")
    expect(node(page, "First")).to_be_visible()
    run = start(page, orchestrator)
    offer = page.get_by_role("region", name="Run under way")
    expect(offer).to_contain_text(f"Run {run['number']} is under way")
    in_both_themes(page, axe, shot, "run-offered")
    offer.get_by_role("button", name="Watch").click()
    expect(offer).to_have_count(0)
    expect(status(page, "First", "COMPLETED")).to_be_visible()
    bar = page.get_by_role("region", name="Run", exact=True)
    bar.get_by_role("button", name="Follow on").click()
    expect(bar.get_by_role("button", name="Follow off")).to_be_visible()
    node(page, "First").click()
    panel = page.get_by_role("complementary", name="First")
    page.keyboard.press("F2")
    page.keyboard.type("Renamed")
    page.keyboard.press("Enter")
    expect(panel).to_have_count(0)
    expect(node(page, "Renamed").locator("[data-mark=since]")).to_contain_text(
        f"Changed since run {run['number']}"
    )
    shot(page, "run-since")
    bar.get_by_role("button", name="Cancel run").click()
    expect(status(page, "Second", "CANCELLED")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Undo: ")).click()
    expect(page.get_by_text("Not saved")).to_have_count(0)


def test_a_run_that_was_over_at_once(page: Page, axe: Axe, shot: Shot) -> None:
    """All of it has one moment: no time to be drawn to scale, or to be played."""
    run = start(page, chain(page, "At once", {"One": None, "Two": None, "Three": None}), wait=True)
    assert run["status"] == "COMPLETED"
    page.goto(f"/runs/{run['id']}")
    expect(page.get_by_role("heading", name=re.compile(f"{run['number']}"))).to_be_visible()
    in_both_themes(page, axe, shot, "at-once")
    page.goto(f"/orchestrators/{run['orchestratorId']}?run={run['id']}&drawer=log")
    slider = page.get_by_role("slider", name="Time in the run")
    expect(slider).to_be_visible()
    expect(status(page, "Three", "COMPLETED")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(status(page, "Three", "COMPLETED")).to_be_visible()
    in_both_themes(page, axe, shot, "at-once-replay")

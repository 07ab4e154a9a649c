"""All text is in the catalogue: in a language made of accents, what is plain is what the server sent."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.ui.conftest import WIDE
from tests.ui.site import ROOT, Product, running, session_of
from tests.ui.test_shell import SCREENS

PSEUDO = """
  localStorage.setItem("baton:language", '"en-XA"');
  window.sent = [];
  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await ask(...asked);
    const kind = answer.headers.get("content-type") ?? "";
    if (/json|event-stream/.test(kind)) {
      const at = window.sent.push({ kind, text: "" }) - 1;
      answer.clone().body?.pipeThrough(new TextDecoderStream()).pipeTo(
        new WritableStream({ write: (text) => void (window.sent[at].text += text) }),
      ).catch(() => {});
    }
    return answer;
  };
"""
"""Speaks the language of accents, and keeps what the server sends."""

TEXTS = """() => {
  const found = [];
  const add = (text, at) => text?.trim() && found.push(text.trim());
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode())
    if (!node.parentElement.closest(IGNORED)) add(node.data);
  const names = ["aria-label", "title", "placeholder", "alt", "aria-description", "aria-roledescription", "aria-valuetext"];
  for (const element of document.body.querySelectorAll(names.map((name) => `[${name}]`).join()))
    if (!element.closest(IGNORED)) for (const name of names) add(element.getAttribute(name));
  return [...new Set(found)];
}""".replace("IGNORED", "'script, noscript, code, pre, .cm-editor'")
"""An editor of code holds data, and has words of its own for those who do not see it."""

COMPLETE = """() => window.sent.every(({ kind, text }) => {
  try { return kind.includes("stream") || text === "" || JSON.parse(text) !== undefined; } catch { return false; }
})"""

PRODUCTS = {
    "Baton",
    "n8n",
    "Make",
    "Zapier",
    "Airflow",
    "Flowise",
    "React Flow",
    "React Flow attribution",
    "Chrome",
    "Linux",
}
"""Names, the same in every language."""
SHORT = {"Mk", "Za", "Af", "Fl", "Ba", "ow"}
"""Platforms in two letters, and the owner."""
LIBRARY = {"node", "edge", "alt+T"}
"""Role descriptions of React Flow and the key of sonner, which cannot be chosen."""

NO_TEXT = re.compile(
    r"\d+(px|%)?"
    r"|([A-Z][a-z]+day, )?[A-Z][a-z]{2,8} \d{1,2}(, \d{4})?(, [\d:]+( [AP]M)?)?"  # a day, as the browser writes it
)


def outside(page: Page) -> list[str]:
    """What the page says in plain letters though nobody sent it. Data are: what the server sent, whole or as a part of a list;
    words of its codes (`run.started`); places of its values (`data.net`); numbers, days and names of products; code."""
    texts: list[str] = page.evaluate(TEXTS)
    page.wait_for_function(COMPLETE)
    sent = {*PRODUCTS, *SHORT, *LIBRARY}
    for answer in page.evaluate("window.sent"):
        stream = "stream" in answer["kind"]
        for each in re.findall(r"^data: ?(.*)$", answer["text"], re.M) if stream else [answer["text"]]:
            with contextlib.suppress(ValueError):  # empty, or the end of a stream is still on its way
                sent |= set(strings(json.loads(each)))
    pieces = {piece for each in sent for piece in plain(each)}
    pieces |= {re.sub("[._]", " ", each).casefold() for each in (*pieces, *sent)}
    return [
        f"{part!r} in {text!r}"
        for text in texts
        if text not in sent
        for part in plain(text)
        if not known(part, pieces)
    ]


EDGES = " .,:;()[]{}\"'#/-+=?!<>*_|&@\n\t"


def plain(text: str) -> list[str]:
    """The parts without accents that have words."""
    parts = (part.strip(EDGES) for part in re.split(r"[^\x00-\x7f]+", text))
    return [part for part in parts if re.search("[A-Za-z]{2}", part)]


def known(part: str, pieces: set[str]) -> bool:
    if part in pieces or part.casefold() in pieces or NO_TEXT.fullmatch(part):
        return True
    if re.fullmatch(r"\w+(\.\w+)+", part):
        return all(each in pieces for each in part.split("."))
    for mark in (r"\. ", r"\s-\s", r"[,:()\[\]{}\"'#=]"):
        smaller = [each.strip(EDGES) for each in re.split(mark, part)]
        smaller = [each for each in smaller if re.search("[A-Za-z]{2}", each)]
        if smaller != [part] and all(known(each, pieces) for each in smaller):
            return True
    return False


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield str(key)  # pyright: ignore[reportUnknownArgumentType]
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:  # pyright: ignore[reportUnknownVariableType]
            yield from strings(each)


def settled(page: Page) -> None:
    expect(page.get_by_role("status", name="⟦Ĺőàđíńğ⟧")).to_have_count(0)


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """One of its own: what the other tests leave behind is not what is looked at here."""
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def session(browser: Browser, product: Product) -> StorageState:
    return session_of(browser, product)


@pytest.fixture
def foreign(browser: Browser, product: Product, session: StorageState) -> Iterator[Page]:
    context = browser.new_context(
        base_url=product.url,
        storage_state=session,
        viewport=WIDE,  # pyright: ignore[reportArgumentType]
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
    )
    page = context.new_page()
    page.add_init_script(PSEUDO)
    yield page
    context.close()


def test_the_catalogue_is_what_the_code_says() -> None:
    """And no literal that is shown is outside of a message; `ui/messages/messages.test.ts` says which."""
    command = [sys.executable, "ui/build_hook.py", "run", "test", "--", "messages"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SCREENS)
def test_every_screen(foreign: Page, path: str) -> None:
    page = foreign
    page.goto(path)
    expect(page.locator("main h1")).to_have_text(re.compile("⟦.+⟧"))
    settled(page)
    assert outside(page) == []


SECTIONS = (
    "keyboard",
    "profile",
    "sessions",
    "tokens",
    "signing",
    "single-sign-on",
    "people",
    "workspaces",
    "redaction",
    "audit",
)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_the_settings(foreign: Page, section: str) -> None:
    page = foreign
    page.goto(f"/settings?section={section}")
    expect(page.locator("main h2").first).to_have_text(re.compile("⟦.+⟧"))
    settled(page)
    assert outside(page) == []


@pytest.mark.parametrize("panel", ["add", "remote", "outline", "versions", "comments"])
def test_the_canvas_with_a_panel(foreign: Page, product: Product, panel: str) -> None:
    page = foreign
    page.goto(f"/orchestrators/{product.sample}?panel={panel}")
    expect(page.locator(".react-flow__node").first).to_be_visible()
    expect(page.locator("[data-panel]").first).to_be_visible()
    settled(page)
    assert outside(page) == []


@pytest.mark.parametrize("drawer", ["log", "problems", "data", "callbacks"])
def test_the_canvas_with_its_drawer(foreign: Page, product: Product, drawer: str) -> None:
    page = foreign
    page.goto(f"/orchestrators/{product.sample}?drawer={drawer}")
    expect(page.locator(".react-flow__node").first).to_be_visible()
    settled(page)
    assert outside(page) == []


def test_the_canvas_with_a_node(foreign: Page, product: Product) -> None:
    page = foreign
    page.goto(f"/orchestrators/{product.sample}")
    nodes = page.locator(".react-flow__node")
    expect(nodes.first).to_be_visible()
    for node in [each.get_attribute("data-id") for each in nodes.all()]:
        page.goto(f"/orchestrators/{product.sample}?node={node}")
        expect(page.locator("[data-panel=canvas-node]")).to_be_visible()
        settled(page)
        assert outside(page) == [], node


def test_the_dialogs_of_the_canvas(foreign: Page, product: Product) -> None:
    page = foreign
    page.goto(f"/orchestrators/{product.sample}")
    expect(page.locator(".react-flow__node").first).to_be_visible()
    for key in ("?", "Control+k", "Control+f", "Shift+P", "Control+Enter"):
        page.locator(".react-flow__pane").focus()
        page.keyboard.press(key)
        expect(page.get_by_role("dialog").first).to_be_visible()
        settled(page)
        assert outside(page) == [], key
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_run(foreign: Page, product: Product) -> None:
    page = foreign
    started = page.request.post(
        f"/api/v1/orchestrator/{product.sample}/run",
        data={"inputs": {}},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    run = started.json()["id"]
    for view in ("timeline", "list", "canvas"):
        page.goto(f"/runs/{run}?view={view}")
        expect(page.locator("h1")).to_be_visible()
        settled(page)
        assert outside(page) == [], view


def test_a_text_outside_is_found(foreign: Page) -> None:
    page = foreign
    page.goto("/check")
    expect(page.locator("main h1")).to_have_text(re.compile("⟦.+⟧"))
    settled(page)
    page.evaluate("document.querySelector('main h1').append('Delete it?')")
    page.evaluate("document.querySelector('main h1').title = 'For good'")
    assert outside(page) == ["'Delete it' in 'Delete it?'", "'For good' in 'For good'"]

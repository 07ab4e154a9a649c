"""The pages the server renders, and how it serves the web app: safe with hostile names, nothing open by omission."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app import screens
from app.pages import CSP
from runner.model import Role
from tests.app.test_runs import BASE
from tests.factories import Site

HTML = {"Accept": "text/html,application/xhtml+xml"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"] == CSP
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def checked(answer: httpx.Response) -> Page:
    """One heading, a language, labels for every field, no script and no inline style or handler."""
    page = Page(answer)
    assert page.named("html")[0]["lang"] == "en" and len(page.named("h1")) == len(page.named("main")) == 1
    assert not page.named("script") and not page.named("img") and not page.named("style")
    labelled = {label["for"] for label in page.named("label")}
    assert all(field["id"] in labelled for field in page.named("input"))
    for _, attributes in page.tags:
        assert not any(name == "style" or name.startswith("on") for name in attributes)
    return page


async def test_a_browser_without_a_session_gets_the_sign_in_page(site: Site) -> None:
    answer = await site.anonymous.get("/", headers=HTML)
    assert answer.status_code == 401
    assert checked(answer).named("form")[0]["action"] == "/sign-in"
    assert (await site.anonymous.get("/")).headers["content-type"] == "application/problem+json"
    api = await site.anonymous.get(BASE, headers=HTML)
    assert api.headers["content-type"] == "application/problem+json"


async def test_the_sign_in_page_puts_the_code_in_a_form_and_nowhere_else(site: Site) -> None:
    answer = await site.anonymous.get("/sign-in", params={"code": HOSTILE}, headers=HTML)
    page = checked(answer)
    assert next(f for f in page.named("input") if f["id"] == "code")["value"] == HOSTILE
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


ELSEWHERE = (
    *(
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "evil.example",
        "javascript:alert(1)",
    ),
    *(
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "/runs\r\nSet-Cookie: a=b",
        "/é",
        "/" + "x" * 2000,
    ),
    *("/sign-in?next=/runs", "/sign-out", "/api/v1/tokens", ""),
)


async def test_signing_in_leads_to_the_page_that_was_asked_for(site: Site) -> None:
    for place in (
        "/runs/1?node=a&tab=callbacks",
        "/runs?q=%2F%2Fevil.example",
        "/%2F%2Fevil.example",
        "/runs//x",
    ):
        shown = await site.anonymous.get(place, headers=HTML)
        if shown.status_code != 401:
            shown = await site.anonymous.get("/sign-in", params={"next": place}, headers=HTML)
        action = checked(shown).named("form")[0]["action"]
        code = await site.store.access.create_code(role=Role.VIEWER, subject="ann")
        wrong = await site.anonymous.post(str(action), data={"code": "x"}, headers=HTML)
        assert checked(wrong).named("form")[0]["action"] == action, "a mistyped code keeps the place"
        answer = await site.anonymous.post(str(action), data={"code": code})
        assert answer.status_code == 303 and answer.headers["location"] == place


@pytest.mark.parametrize("place", ELSEWHERE)
async def test_signing_in_leads_to_no_other_site(site: Site, place: str) -> None:
    shown = await site.anonymous.get("/sign-in", params={"next": place}, headers=HTML)
    assert checked(shown).named("form")[0]["action"] == "/sign-in"
    code = await site.store.access.create_code(role=Role.VIEWER, subject="ann")
    answer = await site.anonymous.post("/sign-in", params={"next": place}, data={"code": code})
    assert answer.status_code == 303 and answer.headers["location"] == "/"


async def test_the_pages_have_the_pinned_theme_and_the_font_of_the_app(site: Site, built: Path) -> None:
    (built / "assets" / "inter-latin-wght-normal-Ab1.woff2").write_bytes(b"wOF2")
    dark = await site.anonymous.get("/sign-in", headers={**HTML, "Cookie": "baton_theme=dark"})
    assert checked(dark).named("html")[0]["data-theme"] == "dark"
    assert 'url("/assets/inter-latin-wght-normal-Ab1.woff2")' in (await site.anonymous.get("/style.css")).text


async def test_errors_are_pages_for_browsers(site: Site) -> None:
    answer = await site.client.get("/nowhere", headers=HTML)
    assert answer.status_code == 404
    checked(answer)
    assert answer.headers["x-request-id"] in answer.text


async def test_the_style_sheet_is_ours_and_open(site: Site) -> None:
    answer = await site.anonymous.get("/style.css")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/css")


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build of the web app, as far as the server looks at one."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text('<!doctype html><html lang="en"><title>x</title></html>')
    (folder / "assets" / "main-Ab_1.js").write_text("export {};" * 100)
    (folder / "assets" / "font-1.woff2").write_bytes(b"wOF2")
    (tmp_path / "secret.js").write_text("secret")
    monkeypatch.setattr(screens, "PLACES", (folder,))
    return folder


async def test_every_address_of_a_screen_is_the_app_for_those_signed_in(site: Site, built: Path) -> None:
    for path in ("/", "/runs", f"/runs/{uuid4()}", "/orchestrators/x/y", "/settings"):
        answer = await site.client.get(path, headers=HTML)
        assert answer.status_code == 200 and "<title>x</title>" in answer.text
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy and "default-src 'none'" in policy and "http" not in policy
        assert (await site.anonymous.get(path, headers=HTML)).status_code == 401


async def test_a_pinned_theme_is_in_the_page_and_nothing_else_can_be(site: Site, built: Path) -> None:
    for sent, seen in (("dark", 'data-theme="dark"'), ("light", 'data-theme="light"'), ('"><script>', None)):
        answer = await site.client.get("/", headers={**HTML, "Cookie": f"baton_theme={sent}"})
        assert (
            (seen in answer.text) if seen else "data-theme" not in answer.text and "script" not in answer.text
        )


async def test_files_of_the_app_are_kept_for_ever_and_no_others_are_served(site: Site, built: Path) -> None:
    answer = await site.anonymous.get("/assets/main-Ab_1.js", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200 and answer.text == "export {};" * 100
    assert answer.headers["content-encoding"] == "gzip" and int(answer.headers["content-length"]) < 200
    assert "immutable" in answer.headers["cache-control"] and "javascript" in answer.headers["content-type"]
    font = await site.anonymous.get("/assets/font-1.woff2")
    assert "content-encoding" not in font.headers and font.headers["content-type"] == "font/woff2"
    for name in ("..%2Findex.html", "..%2F..%2Fsecret.js", ".inputs", "nothing.js", "%00", "a%5Cb"):
        assert (await site.anonymous.get(f"/assets/{name}")).status_code == 404


async def test_without_a_build_the_page_says_how_to_make_one(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screens, "PLACES", (tmp_path / "nowhere",))
    answer = await site.client.get("/", headers=HTML)
    checked(answer)
    assert "ui/build_hook.py" in answer.text


async def test_the_session_says_who_asks(site: Site) -> None:
    found = (await site.client.get("/api/v1/session")).json()
    assert found["role"] == "admin" and found["workspaceName"] == "default"
    assert found["subject"].startswith("token:")

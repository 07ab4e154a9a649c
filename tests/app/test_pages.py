"""The pages the server renders: readable without scripts, safe with hostile names."""

from __future__ import annotations

from html.parser import HTMLParser
from uuid import uuid4

import httpx

from app.pages import CSP
from tests.app.test_runs import BASE, saved
from tests.factories import Site, make_graph, make_run

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


async def test_the_overview_leads_to_runs_and_escapes_what_people_wrote(site: Site) -> None:
    assert checked(await site.client.get("/", headers=HTML))
    flow = await saved(site, make_graph("A>B"), HOSTILE)
    run = (await site.client.post(f"{BASE}/{flow}/run", json={"inputs": {"x": HOSTILE}})).json()
    page = checked(await site.client.get("/", headers=HTML))
    assert f"/runs/{run['id']}" in [a["href"] for a in page.named("a")]
    shown = await site.client.get(f"/runs/{run['id']}", headers=HTML)
    checked(shown)
    assert "DataMapper" in shown.text and "run.created" not in shown.text and "started by" in shown.text


async def test_errors_are_pages_for_browsers(site: Site) -> None:
    answer = await site.client.get("/nowhere", headers=HTML)
    assert answer.status_code == 404
    checked(answer)
    assert answer.headers["x-request-id"] in answer.text
    assert (await site.client.get(f"/runs/{uuid4()}", headers=HTML)).status_code == 404
    run_id = await make_run(site.store)
    assert (await site.client.get(f"/runs/{run_id}", headers=HTML)).status_code == 200


async def test_the_style_sheet_is_ours_and_open(site: Site) -> None:
    answer = await site.anonymous.get("/style.css")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/css")

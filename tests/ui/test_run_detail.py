"""One run, looked into: the timeline with remote tasks, the log, two runs side by side, and a repeat after a repair."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_runs import ORIGIN, in_both_themes, start

API = "/api/v1/orchestrator"
NUMBER = {"from": "nodes.load.output.echo.amount", "to": "amount", "type": "number"}
TEXT = {**NUMBER, "from": "nodes.load.output.echo.customer"}


def airflow(page: Page) -> str:
    """The id of the connection to the sandbox Airflow."""
    answer = page.request.get(f"{API}/connections?provider=airflow").json()
    return answer["items"][0]["id"]


def chain(page: Page, dag: str, mapping: dict[str, Any] | None = None) -> dict[str, Any]:
    """A DAG, and a step that maps what it gave."""
    remote = {"provider": "airflow", "connectionId": airflow(page), "workflowId": dag, "retryAttempts": 0}
    steps = [
        (
            "load",
            "RemoteWebhook",
            "Load orders",
            {**remote, "pollingInterval": 200, "maxPollingAttempts": 200},
        ),
        ("amount", "DataMapper", "Amount", {"mappings": [mapping or {"from": "data", "to": "all"}]}),
    ]
    nodes = [
        {
            "id": key,
            "type": kind,
            "position": {"x": 312 * place, "y": 0},
            "data": {"label": label, "config": config},
        }
        for place, (key, kind, label, config) in enumerate(steps)
    ]
    edges = [{"id": "load-amount", "source": "load", "target": "amount", "sourceHandle": "out"}]
    return {"version": 1, "nodes": nodes, "edges": edges}


def made(page: Page, name: str, definition: dict[str, Any]) -> str:
    answer = page.request.post(API, data={"name": name, "definition": definition}, headers=ORIGIN)
    assert answer.status == 201, answer.text()
    return answer.json()["id"]


def save(page: Page, orchestrator: str, definition: dict[str, Any]) -> None:
    where = f"{API}/{orchestrator}"
    answer = page.request.put(where, data={"definition": definition}, headers=ORIGIN)
    assert answer.ok, answer.text()


def ended(page: Page, status: str) -> None:
    expect(page.locator("h1 + *")).to_have_text(status, timeout=40_000)


def number(page: Page) -> str:
    """As in "Orders #12"."""
    return page.locator("h1").inner_text().rpartition(" ")[2]


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Timeline").get_by_role("listitem")


def lines(page: Page) -> Locator:
    return page.get_by_role("list", name="Log lines").get_by_role("listitem")


def test_the_timeline_holds_the_remote_tasks(page: Page, axe: Axe, shot: Shot) -> None:
    page.goto(f"/runs/{start(page, made(page, 'Nightly load', chain(page, 'flaky_retry')))}")
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Remote tasks of Load orders").click()  # while it runs
    expect(rows(page).filter(has_text="prepare")).to_be_visible()
    ended(page, "Completed")
    flaky = rows(page).filter(has_text="flaky")
    expect(flaky).to_contain_text("tries: ↻3")
    expect(rows(page)).to_have_count(5)
    page.get_by_role("radio", name="Clock").click()
    in_both_themes(page, axe, shot, "detail-timeline")
    flaky.get_by_role("button").click()
    expect(page).to_have_url(re.compile(r"source=airflow%2Fflaky%2F3"))
    expect(lines(page).filter(has_text="attempt 3 recovered")).to_be_visible()
    expect(lines(page).filter(has_text="attempt 2")).to_have_count(0)
    page.reload()
    expect(lines(page).filter(has_text="attempt 3 recovered")).to_be_visible()
    expect(rows(page)).to_have_count(5)
    expect(page.get_by_role("radio", name="Clock")).to_have_attribute("aria-checked", "true")
    page.get_by_role("tab", name="Remote").click()
    told = page.get_by_role("table", name="Remote tasks").get_by_role("row")
    expect(told).to_have_count(6)  # a head, and every try of prepare, flaky and finish
    expect(told.nth(3)).to_contain_text("failed")
    expect(told.nth(3).get_by_role("link")).to_have_attribute("href", re.compile(r"try_number=2"))
    in_both_themes(page, axe, shot, "detail-remote")
    page.get_by_role("radio", name="List").click()
    selected = page.get_by_role("table", name="Steps").get_by_role("button", name="Load orders")
    expect(selected).to_have_attribute("aria-current", "true")


def test_from_the_cause_to_the_line_that_says_why(page: Page, axe: Axe, shot: Shot) -> None:
    flow = made(page, "Fails in Airflow", chain(page, "always_fail"))
    first = start(page, flow)
    page.goto(f"/runs/{first}")
    ended(page, "Failed")
    page.goto(f"/runs/{start(page, flow)}")
    ended(page, "Failed")
    cause = page.get_by_role("region", name="Failure")
    expect(cause).to_contain_text(
        "Failed at step 1 Load orders (Apache Airflow · always_fail · task boom, try 2)"
    )
    expect(cause.get_by_role("link", name="Same error 2× this week")).to_be_visible()
    cause.get_by_role("button", name="Open step").click()
    why = "ValueError: bad input: field 'amount' is missing (attempt 2)"
    died = lines(page).filter(has_text="airflow · boom · try 2").filter(has_text=why)
    expect(died).to_be_visible()
    died.get_by_role("button", name=re.compile("ValueError")).click()
    expect(died.get_by_text("at boom")).to_be_visible()
    in_both_themes(page, axe, shot, "detail-log")
    page.get_by_label("Search the log").fill("attempt")
    place = page.get_by_role("status").filter(has_text=re.compile(r"^\d+/\d+$"))
    expect(place).to_have_text(re.compile(r"^1/[2-9]"))
    page.get_by_label("Search the log").press("Enter")
    expect(place).to_have_text(re.compile(r"^2/"))
    page.get_by_role("button", name="Previous hit").click()
    expect(place).to_have_text(re.compile(r"^1/"))
    page.get_by_label("Search the log").fill("")
    place_of = died.get_by_role("button", name=re.compile(r"^Line \d+$"))
    place_of.click()
    expect(page).to_have_url(re.compile(r"line=\d+"))
    expect(died.get_by_role("button", name=re.compile("Copy link to line"))).to_be_visible()
    page.reload()
    expect(place_of).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Level", exact=True).click()
    page.get_by_role("option", name="Errors").click()
    expect(lines(page).filter(has_text="about to fail")).to_have_count(0)
    expect(lines(page).first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download these lines").click()
    assert "ValueError: bad input" in download.value.path().read_text()
    page.get_by_role("tab", name="Attempts").click()
    expect(page.get_by_role("list", name="Attempts")).to_be_visible()
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "detail-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_a_printed_line_is_on_the_screen_within_two_seconds(page: Page) -> None:
    page.goto(f"/runs/{start(page, made(page, 'Prints', chain(page, 'slow_report')))}")
    for said in ("extract: started", "extract: done", "load: started"):
        line = lines(page).filter(has_text=said)
        expect(line).to_be_visible()
        at = line.locator("time").get_attribute("datetime")
        late = page.evaluate("at => Date.now() - Date.parse(at)", at)
        assert late < 2000, f"“{said}” was shown {late} ms after it was printed"


def test_a_repair_is_repeated_from_the_failed_step_and_compared(page: Page, axe: Axe, shot: Shot) -> None:
    flow = made(page, "Orders to amounts", chain(page, "quick_conf", NUMBER))
    inputs = {"amount": "12.5", "customer": "Ada"}
    page.goto(f"/runs/{start(page, flow, inputs=inputs)}")
    ended(page, "Completed")
    good = number(page)
    save(page, flow, chain(page, "quick_conf", TEXT))
    page.goto(f"/runs/{start(page, flow, inputs=inputs)}")
    ended(page, "Failed")
    broken, failed = page.url, number(page)

    page.get_by_role("button", name="Compare").click()
    page.get_by_role("menuitem").first.click()
    expect(page).to_have_url(re.compile("compare="))
    expect(page.get_by_text("They part at Amount.")).to_be_visible()
    parted = page.get_by_role("region", name="Differences of Amount")
    settings = parted.get_by_role("table", name=re.compile("^Settings"))
    expect(settings.get_by_role("row", name=re.compile(r"mappings\[0\]\.from"))).to_contain_text("customer")
    heads = page.get_by_role("table", name="How both runs began and ended")
    expect(heads.get_by_role("row", name=re.compile("^Revision"))).to_contain_text("1")
    in_both_themes(page, axe, shot, "detail-compare")
    page.get_by_role("button", name="Close comparison").click()

    save(page, flow, chain(page, "quick_conf", NUMBER))
    page.get_by_role("button", name="Re-run …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name=re.compile("Latest")).click()
    plan = dialog.get_by_role("list", name="What each step will do").get_by_role("listitem")
    expect(plan.filter(has_text="Load orders")).to_contain_text("reuse")
    expect(plan.filter(has_text="Amount")).to_contain_text("run again")
    in_both_themes(page, axe, shot, "detail-rerun")
    dialog.get_by_role("button", name="Start re-run").click()
    expect(page).not_to_have_url(re.compile(re.escape(broken)))
    ended(page, "Completed")
    expect(rows(page).filter(has_text="Load orders")).to_contain_text("Kept")
    repaired = number(page)
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("menuitem").first.click()
    expect(page.get_by_role("heading", name=f"{repaired} beside {good}")).to_be_visible()
    expect(page.get_by_text("Every step did the same in both.")).to_be_visible()
    page.get_by_role("button", name="Close comparison").click()
    page.get_by_role("button", name=re.compile("^Amount")).click()
    page.get_by_role("tab", name="Output").click()
    page.get_by_role("region", name="Step Amount").get_by_role("radio", name="Changes").click()
    expect(page.get_by_role("region", name="Step Amount").get_by_text("No difference.")).to_be_visible()
    page.get_by_role("link", name=failed, exact=True).click()
    expect(page.get_by_role("definition").filter(has_text=repaired)).to_be_visible()
    in_both_themes(page, axe, shot, "detail-repeated")


def test_an_unsafe_call_is_repeated_only_when_it_is_understood(page: Page, product: Any) -> None:
    page.goto(f"/runs/{start(page, product.sample)}")
    ended(page, "Completed")
    page.get_by_role("button", name="Re-run …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("call again, unsafe").first).to_be_visible()
    go = dialog.get_by_role("button", name="Start re-run")
    expect(go).to_be_disabled()
    dialog.get_by_role("checkbox", name=re.compile("I understand")).click()
    expect(go).to_be_enabled()

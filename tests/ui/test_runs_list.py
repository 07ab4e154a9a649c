"""The list of runs: what broke is found by time, by kind and by words; many are handled at once; keys do all of it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import Product
from tests.ui.test_runs import ORIGIN, in_both_themes, start, waiter

RUNS = "/api/v1/orchestrator/runs"


def rows(page: Page) -> Locator:
    """Lines of runs, without the head, and without what is unfolded."""
    return page.get_by_role("table", name="Runs").get_by_role("row").filter(has=page.get_by_role("checkbox"))


def ended(page: Page, *runs: str) -> None:
    """Once these runs have ended; the list is not looked at for that."""
    for run in runs:
        for _ in range(200):
            if page.request.get(f"{RUNS}/{run}").json()["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
                break
            page.request.get(f"{RUNS}/{run}/events", timeout=20_000)  # its end is the end of the stream
        else:
            raise AssertionError(f"run {run} does not end")


@pytest.fixture
def failing(page: Page) -> str:
    """An orchestrator with three runs that failed alike."""
    flow = waiter(page, "Nobody answers", 100)
    ended(page, *(start(page, flow) for _ in range(3)))
    return flow


def test_what_failed_is_found_by_its_time_and_by_its_kind(
    page: Page, failing: str, axe: Axe, shot: Shot
) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    lines = rows(page)
    expect(lines).to_have_count(4)  # with the head
    line = lines.nth(1)
    expect(line).to_contain_text("Failed")
    strip = line.get_by_role("img", name="1 of 2 steps done, Ask the buyer timed out")
    expect(strip).to_be_visible()
    expect(strip.locator("[title='Note: Completed']")).to_have_count(1)
    summary = page.get_by_role("region", name="Summary")
    expect(summary).to_contain_text("3 runs")
    expect(summary.get_by_role("button", name=re.compile("Failed 24 h: 3"))).to_be_visible()

    bars = summary.get_by_role("toolbar").get_by_role("button", name=re.compile("3 failed"))
    bars.click()
    expect(page).to_have_url(re.compile(r"since=.*until="))
    expect(lines).to_have_count(4)
    page.reload()
    expect(lines).to_have_count(4)
    empty = summary.get_by_role("toolbar").get_by_role("button", name=re.compile("no runs")).first
    empty.click()
    expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    in_both_themes(page, axe, shot, "runs-none")
    page.get_by_role("button", name=re.compile("^Without .* – ")).click()
    expect(lines).to_have_count(4)

    page.get_by_role("radio", name="By error").click()
    group = page.get_by_role("list", name="Failures by kind").get_by_role("listitem")
    expect(group).to_have_count(1)
    expect(group).to_contain_text("3 ×")
    expect(group).to_contain_text("Nobody answers › Ask the buyer")
    in_both_themes(page, axe, shot, "runs-errors")
    page.reload()
    expect(group).to_have_count(1)
    group.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("error=[0-9a-f]{32}"))
    expect(lines).to_have_count(4)
    page.go_back()
    group.get_by_role("link", name=re.compile("Last run")).click()
    expect(page.get_by_role("region", name="Failure")).to_be_visible()


def test_a_stretch_of_time_is_chosen_by_dragging(page: Page, failing: str) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    bars = page.get_by_role("toolbar", name=re.compile("Runs over time")).get_by_role("button")
    expect(bars.last).to_be_visible()
    first, last = bars.nth(2).bounding_box(), bars.last.bounding_box()
    assert first is not None and last is not None
    page.mouse.move(first["x"] + 3, first["y"] + 20)
    page.mouse.down()
    page.mouse.move(last["x"] - 30, last["y"] + 20, steps=5)
    page.mouse.move(last["x"] + 3, last["y"] + 20, steps=2)
    page.mouse.up()
    expect(page).to_have_url(re.compile("since=.*until="))
    expect(rows(page)).to_have_count(4)


def test_a_bar_is_chosen_by_keys(page: Page, failing: str) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    bars = page.get_by_role("toolbar", name=re.compile("Runs over time")).get_by_role("button")
    bars.first.focus()
    page.keyboard.press("End")
    expect(bars.last).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("until="))


def test_keys_are_enough(page: Page, failing: str, axe: Axe, shot: Shot) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    lines = rows(page)
    expect(lines).to_have_count(4)
    page.keyboard.press("j")
    expect(lines.nth(1)).to_be_focused()
    page.keyboard.press("j")
    expect(lines.nth(2)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(lines.nth(3)).to_be_focused()
    page.keyboard.press("k")
    expect(lines.nth(2)).to_be_focused()
    page.keyboard.press("ArrowRight")
    unfolded = page.get_by_role("region", name=re.compile("Steps of run"))
    expect(unfolded.get_by_role("link", name="Ask the buyer")).to_be_visible()
    expect(unfolded.get_by_role("region", name="Failure")).to_contain_text("Failed at Ask the buyer")
    in_both_themes(page, axe, shot, "runs-unfolded")
    page.keyboard.press("ArrowLeft")
    expect(unfolded).to_have_count(0)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("x")
    bulk = page.get_by_role("toolbar", name="Selected runs")
    expect(bulk).to_contain_text("1 run selected")
    page.keyboard.press("End")
    page.keyboard.press("Shift+X")
    expect(bulk).to_contain_text("3 runs selected")
    page.keyboard.press(".")
    expect(page.get_by_role("menuitem", name=re.compile("Re-run"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    page.keyboard.press("e")
    expect(page.get_by_role("list", name="Failures by kind")).to_be_visible()
    page.keyboard.press("e")
    expect(lines).to_have_count(4)
    page.keyboard.press("/")
    expect(page.get_by_label("Search runs")).to_be_focused()
    page.keyboard.type("Nobody")
    expect(page).to_have_url(re.compile("q=Nobody"))
    lines.nth(1).focus()
    page.keyboard.press("r")  # three are selected
    dialog = page.get_by_role("dialog", name="Re-run 3 runs")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    lines.nth(2).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/runs/[0-9a-f-]{36}"))


def test_g_then_r_still_goes_to_the_runs(page: Page, failing: str) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    expect(rows(page)).to_have_count(4)
    rows(page).nth(1).focus()
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile("/runs$"))


def test_many_are_repeated_cancelled_and_labelled_at_once(page: Page, axe: Axe, shot: Shot) -> None:
    flow = waiter(page, "Waits in numbers", 600_000)
    full = start(page, flow, labels={f"k{n}": "v" for n in range(50)})
    start(page, flow)
    page.goto(f"/runs?orchestratorId={flow}")
    lines = rows(page)
    expect(lines).to_have_count(3)
    expect(lines.nth(1)).to_contain_text("Waiting")
    lines.first.get_by_role("checkbox").click()
    bulk = page.get_by_role("toolbar", name="Selected runs")
    expect(bulk).to_contain_text("2 runs selected")
    expect(bulk.get_by_role("link", name="Compare")).to_have_attribute(
        "href", re.compile(f"compare=.*{full}")
    )
    in_both_themes(page, axe, shot, "runs-selected")

    bulk.get_by_role("button", name="Label").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Label").fill("cause")
    dialog.get_by_label("Value").fill("stock")
    dialog.get_by_role("button", name="Label 2 runs").click()
    results = dialog.get_by_role("list", name="Results").get_by_role("listitem")
    expect(results).to_have_count(2)
    expect(results.filter(has_text="labelled")).to_have_count(1)
    expect(dialog.get_by_role("button", name="Try 1 run again")).to_be_visible()
    in_both_themes(page, axe, shot, "runs-results")
    dialog.get_by_role("button", name="Close").last.click()
    expect(lines.nth(1)).to_contain_text("cause:stock")

    lines.first.get_by_role("checkbox").click()
    bulk.get_by_role("button", name="Cancel").click()
    expect(dialog).to_contain_text("This cannot be taken back")
    dialog.get_by_role("button", name="Cancel 2 runs").click()
    expect(dialog).to_have_count(0)
    expect(bulk).to_have_count(0)
    expect(lines.nth(1)).to_contain_text("Cancelled")
    expect(lines.nth(2)).to_contain_text("Cancelled")

    lines.first.get_by_role("checkbox").click()
    expect(bulk.get_by_role("button", name="Cancel")).to_be_disabled()
    bulk.get_by_role("button", name="Re-run").click()
    expect(dialog).to_contain_text("No step calls a platform")
    in_both_themes(page, axe, shot, "runs-again")
    dialog.get_by_role("button", name="Re-run 2 runs").click()
    expect(dialog).to_have_count(0)
    expect(lines).to_have_count(5)
    for line in (lines.nth(1), lines.nth(2)):
        expect(line).to_contain_text("Re-run")
    page.request.post(f"{RUNS}/{full}/cancel", headers=ORIGIN)


def test_new_runs_do_not_push_the_list(page: Page, failing: str) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    lines = rows(page)
    expect(lines).to_have_count(4)
    bar = page.get_by_role("button", name=re.compile(r"\d new runs?$"))
    made = 0
    while not bar.is_visible():  # what starts within two seconds of a look still belongs to it
        ended(page, start(page, failing))
        made += 1
        assert made < 100
    table = page.get_by_role("table", name="Runs")
    shown = table.get_attribute("aria-rowcount") or ""
    ended(page, start(page, failing))
    expect(bar).to_have_text(re.compile(r"^[1-9]"))
    expect(table).to_have_attribute("aria-rowcount", shown)
    bar.click()
    expect(table).to_have_attribute("aria-rowcount", str(4 + made + 1))  # few of them are drawn
    expect(bar).to_have_count(0)


def test_views_lead_to_what_they_count_and_own_ones_are_kept(page: Page, failing: str) -> None:
    page.goto("/runs")
    views = page.get_by_role("navigation", name="Views")
    views.get_by_role("button", name=re.compile("^Failed")).click()
    expect(page).to_have_url(re.compile("FAILED.*since=24h"))
    expect(views.get_by_role("button", name=re.compile("^Failed"))).to_have_attribute("aria-current", "page")
    views.get_by_role("button", name=re.compile("^Mine")).click()
    expect(page).to_have_url(re.compile("by=owner"))
    expect(rows(page).nth(1)).to_contain_text("owner")
    page.goto(f"/runs?orchestratorId={failing}")
    views.get_by_role("button", name="Keep this view").click()
    page.get_by_label("Name").fill("Buyers")
    page.get_by_role("button", name="Keep", exact=True).click()
    page.goto("/runs")
    views.get_by_role("button", name="Buyers", exact=True).click()
    expect(page).to_have_url(re.compile(failing))
    views.get_by_role("button", name="Remove the view Buyers").click()
    expect(views.get_by_role("button", name="Buyers", exact=True)).to_have_count(0)


def test_held_and_slow_are_views_that_the_server_answers(page: Page, axe: Axe, shot: Shot) -> None:
    page.goto("/runs")
    views = page.get_by_role("navigation", name="Views")
    with page.expect_response(re.compile(r"/runs\?.*held=true")) as answer:
        views.get_by_role("button", name=re.compile("^Held")).click()
    assert answer.value.status == 200
    expect(page).to_have_url(re.compile("held=true"))
    expect(views.get_by_role("button", name=re.compile("^Held"))).to_have_text("Held0")
    expect(page.get_by_role("heading", name="Nothing is held back")).to_be_visible()
    in_both_themes(page, axe, shot, "runs-held")
    with page.expect_response(re.compile(r"/runs\?.*slow=true")) as answer:
        views.get_by_role("button", name=re.compile("^Slow")).click()
    assert answer.value.status == 200
    expect(page).to_have_url(re.compile("slow=true"))
    expect(views.get_by_role("button", name=re.compile("^Slow"))).to_have_attribute("aria-current", "page")
    page.get_by_role("button", name="Query as text").click()
    expect(page.get_by_role("textbox", name="Query")).to_have_value("is:slow since:24h")
    page.get_by_role("button", name="Query as text").click()
    page.get_by_role("combobox", name="Duration").click()
    page.get_by_role("option", name="Over 1 min").click()
    expect(page).to_have_url(re.compile(r"minSeconds=60"))
    expect(page).not_to_have_url(re.compile("slow"))


def test_no_failures_is_good_news_and_says_when_the_last_one_was(
    page: Page, failing: str, axe: Axe, shot: Shot
) -> None:
    page.goto("/runs?status=FAILED&since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z")
    expect(page.get_by_role("heading", name="No failures in this time")).to_be_visible()
    expect(page.get_by_text("The last one:")).to_be_visible()
    in_both_themes(page, axe, shot, "runs-good")
    page.get_by_role("button", name="Show all runs").click()
    expect(rows(page).nth(1)).to_be_visible()


def test_groups_head_the_runs_of_a_flow_and_of_a_day(page: Page, failing: str, axe: Axe, shot: Shot) -> None:
    start(page, waiter(page, "Nobody answers either", 100))
    page.goto("/runs?q=Nobody%20answers")
    page.get_by_role("radio", name="By orchestrator").click()
    table = page.get_by_role("table", name="Runs")
    expect(table.get_by_role("heading", name=re.compile("Nobody answers either")).first).to_be_visible()
    expect(table.get_by_role("heading").nth(1)).to_be_visible()
    in_both_themes(page, axe, shot, "runs-by-flow")
    page.get_by_role("radio", name="By day").click()
    expect(page).to_have_url(re.compile("group=day"))
    expect(table.get_by_role("heading").first).to_be_visible()
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    shot(page, "runs-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_without_a_network_the_list_stays_and_says_so(
    page: Page, context: BrowserContext, failing: str
) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    expect(rows(page)).to_have_count(4)
    context.set_offline(True)
    paused = page.get_by_text("Live updates paused, refreshing every 10 s")
    expect(paused).to_be_visible()
    expect(rows(page)).to_have_count(4)
    context.set_offline(False)
    expect(paused).to_have_count(0)


def test_rows_leave_as_a_file(page: Page, failing: str) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    expect(rows(page)).to_have_count(4)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 4 and lines[0].startswith("number,status,orchestrator")
    assert all("Nobody answers" in line for line in lines[1:])


def test_a_time_of_ones_own(page: Page, failing: str) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    page.get_by_role("combobox", name="Time").click()
    page.get_by_role("option", name="From … to …").click()
    dialog = page.get_by_role("dialog", name="Runs started between")
    dialog.get_by_label("From").fill("2020-01-01T00:00")
    dialog.get_by_label("To").fill("2019-01-01T00:00")
    expect(dialog.get_by_text("before the beginning")).to_be_visible()
    dialog.get_by_label("To").fill("2099-01-01T00:00")
    dialog.get_by_role("button", name="Show these").click()
    expect(page).to_have_url(re.compile("since=2020-01-01T00.*until=2099"))
    expect(rows(page)).to_have_count(4)


def test_a_query_is_written_as_text_and_says_what_it_cannot_read(
    page: Page, failing: str, axe: Axe, shot: Shot
) -> None:
    page.goto(f"/runs?orchestratorId={failing}&status=FAILED&since=24h")
    expect(rows(page)).to_have_count(4)
    page.get_by_role("button", name="Query as text").click()
    line = page.get_by_role("textbox", name="Query")
    expect(line).to_have_value(re.compile(r'^status:failed flow:".*" since:24h$'))
    in_both_themes(page, axe, shot, "runs-query")
    line.fill("status:failed statsu:waiting took:long")
    line.press("Enter")
    expect(page.get_by_role("button", name="Character 15: There is no word “statsu:”.")).to_be_visible()
    page.get_by_role("button", name="Character 35: “long” is no duration.").click()
    assert line.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)") == "long"
    in_both_themes(page, axe, shot, "runs-query-wrong")
    expect(page).to_have_url(re.compile("status="))  # nothing was asked
    line.fill('flow:"Nobody nowhere"')
    line.press("Enter")
    expect(page.get_by_text("There is no orchestrator “Nobody nowhere”.")).to_be_visible()
    line.fill('flow:"nobody answers" status:failed took:>10ms "no callback"')
    line.press("Enter")
    expect(page).to_have_url(re.compile(r"minSeconds=0\.01"))
    expect(page).to_have_url(re.compile(r"q=no\+callback"))
    page.reload()
    expect(line).to_have_value('status:failed flow:"Nobody answers" took:>0.01s no callback')
    page.get_by_role("button", name="Query as text").click()
    expect(page.get_by_label("Search runs")).to_have_value("no callback")
    expect(page.get_by_role("button", name="Remove the filter: took over 10 ms")).to_be_visible()


def test_columns_and_density_are_kept(page: Page, failing: str, axe: Axe, shot: Shot) -> None:
    page.goto(f"/runs?orchestratorId={failing}")
    expect(rows(page)).to_have_count(4)
    heads = page.get_by_role("table", name="Runs").get_by_role("columnheader")
    expect(heads.filter(has_text="Trigger")).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="Trigger").click()
    page.get_by_role("checkbox", name="Steps").click()
    page.get_by_role("radio", name="Compact").click()
    in_both_themes(page, axe, shot, "runs-columns")
    page.keyboard.press("Escape")
    page.reload()
    expect(rows(page)).to_have_count(4)
    expect(heads.filter(has_text="Trigger")).to_have_count(0)
    expect(rows(page).nth(1).get_by_role("img", name=re.compile("steps done"))).to_have_count(0)
    box = rows(page).nth(1).bounding_box()
    assert box is not None and box["height"] == 32
    shot(page, "runs-compact")


def test_an_export_has_what_the_filter_asks_for_and_not_only_what_is_loaded(page: Page) -> None:
    flow = waiter(page, "Ends at once", 600_000)
    many = 103  # a page of the list has 100
    for _ in range(many):
        start(page, flow)
    page.goto(f"/runs?orchestratorId={flow}")
    expect(rows(page).nth(1)).to_be_visible()
    for name in ("CSV", "JSON"):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=name).click()
        text = download.value.path().read_text()
        assert (len(text.splitlines()) - 1 if name == "CSV" else len(json.loads(text))) == many
    for each in json.loads(text):
        page.request.post(f"{RUNS}/{each['id']}/cancel", headers=ORIGIN)


def test_groups_by_remote_workflow(page: Page, product: Product, axe: Axe, shot: Shot) -> None:
    run = start(page, product.sample)
    ended(page, run)
    page.goto(f"/runs?orchestratorId={product.sample}")
    page.get_by_role("radio", name="By remote workflow").click()
    expect(page).to_have_url(re.compile("group=workflow"))
    table = page.get_by_role("table", name="Runs")
    expect(table.get_by_role("heading", name=re.compile("^airflow · "))).to_be_visible()
    expect(table.get_by_role("heading", name=re.compile("^n8n · "))).to_be_visible()
    rows(page).nth(1).get_by_role("checkbox").click()
    expect(page.get_by_role("toolbar", name="Selected runs")).to_contain_text("1 run selected")
    in_both_themes(page, axe, shot, "runs-by-workflow")


def test_runs_of_a_revision_are_found(page: Page, failing: str) -> None:
    page.goto(f"/runs?orchestratorId={failing}&revision=1")
    expect(rows(page)).to_have_count(4)
    page.goto(f"/runs?orchestratorId={failing}&revision=2")
    expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    page.get_by_role("button", name="Remove the filter: revision 2").click()
    expect(rows(page)).to_have_count(4)

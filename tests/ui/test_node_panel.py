"""The panel of a node: its data, its settings, expressions and mappings, as a person fills them in."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_orchestrator import SAME_ORIGIN, node, stored

ORDER = {
    "mappings": [
        {"from": "input.total", "to": "order.total"},
        {"from": "input.customer", "to": "order.customer"},
        {"from": "input.lines", "to": "lines"},
    ]
}
INPUTS = {
    "total": 42,
    "customer": {"name": "Ada", "email": "ada@example.org"},
    "lines": [{"sku": "A1", "count": 2}, {"sku": "B2", "count": 1}],
}
NEEDS = {
    "type": "object",
    "required": ["total", "email"],
    "properties": {
        "total": {"type": "number"},
        "email": {"type": "string"},
        "note": {"type": "string"},
    },
}


def spec(id_: str, type_: str, at: int, config: dict[str, Any], **data: Any) -> dict[str, Any]:
    label = id_.capitalize()
    return {
        "id": id_,
        "type": type_,
        "position": {"x": 300 * at, "y": 0},
        "data": {"label": label, "config": config, **data},
    }


def drawn(page: Page, name: str, *nodes: dict[str, Any], run: bool = False) -> str:
    """A chain of these nodes, saved, and run once if asked; its id."""
    ends = itertools.pairwise(nodes)
    wires = [{"id": f"{a['id']}-{b['id']}", "source": a["id"], "target": b["id"]} for a, b in ends]
    body = {"name": name, "definition": {"version": 1, "nodes": list(nodes), "edges": wires}}
    made = page.request.post("/api/v1/orchestrator", data=body, headers=SAME_ORIGIN)
    assert made.status == 201, made.text()
    found = made.json()["id"]
    if run:
        ended = page.request.post(
            f"/api/v1/orchestrator/{found}/run",
            data={"inputs": INPUTS},
            headers={**SAME_ORIGIN, "Prefer": "wait=30"},
        )
        assert ended.status == 200, ended.text()
    return found


def opened(page: Page, orchestrator: str, id_: str) -> Locator:
    page.goto(f"/orchestrators/{orchestrator}?node={id_}")
    panel = page.get_by_role("complementary", name=id_.capitalize())
    expect(panel).to_be_visible()
    return panel


def part(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("region", name=name, exact=True)


def field(panel: Locator, path: str) -> Locator:
    return part(panel, "Input").locator(f'[data-path="{path}"]')


def send(**config: Any) -> dict[str, Any]:
    settings = {"url": "https://shop.example/orders", "retryAttempts": 0, **config}
    return spec("send", "RemoteWebhook", 1, settings)


def test_completion_from_real_data_and_a_live_preview(page: Page, shot: Shot) -> None:
    orchestrator = drawn(
        page,
        "Expressions",
        spec("order", "DataMapper", 0, ORDER),
        spec("wait", "Delay", 1, {"duration": 1}),
        run=True,
    )
    found = stored(page, orchestrator)["definition"]
    found["nodes"][1] = {**send(), "id": "wait"}
    page.request.put(f"/api/v1/orchestrator/{orchestrator}", data={"definition": found}, headers=SAME_ORIGIN)
    page.goto(f"/orchestrators/{orchestrator}?node=wait")
    panel = page.get_by_role("complementary", name="Send")
    expect(part(panel, "Input").get_by_text("from run")).to_be_visible()
    url = panel.get_by_role("textbox", name="URL")
    url.fill("")
    url.press_sequentially("=")
    options = page.get_by_role("listbox").get_by_role("option")
    expect(options.filter(has_text="nodes")).to_be_visible()
    page.keyboard.type("data.")
    expect(options.filter(has_text="order")).to_be_visible()
    page.keyboard.type("order.")
    total = options.filter(has_text="total")
    expect(total).to_contain_text("42")
    shot(page, "panel-completion")
    page.keyboard.type("tot")
    page.keyboard.press("Enter")
    expect(url).to_have_text("{{ data.order.total }}")
    live = panel.locator("[data-preview]").first
    expect(live).to_contain_text("42")
    expect(live).to_contain_text("data.order.total")
    page.keyboard.type("x")
    expect(live).to_contain_text("totalx")
    page.keyboard.press("Backspace")
    page.keyboard.type(" + ")
    expect(live).to_contain_text("line 1")
    page.keyboard.type("1")
    expect(live).to_contain_text("43")
    page.keyboard.press("Control+e")
    big = page.get_by_role("dialog", name="URL")
    expect(big.locator("pre", has_text="43")).to_be_visible()
    shot(page, "panel-big-editor")
    big.get_by_role("button", name="Done").click()
    panel.get_by_role("button", name="Expression for URL").click()
    expect(panel.get_by_role("textbox", name="URL")).to_have_value("43")


def test_fields_are_dragged_or_sent_into_settings(page: Page, shot: Shot) -> None:
    orchestrator = drawn(
        page,
        "Dragged",
        spec("order", "DataMapper", 0, {}, pinned={"order": INPUTS}),
        send(url="https://a.example/"),
    )
    panel = opened(page, orchestrator, "send")
    expect(part(panel, "Input").get_by_text("pinned example")).to_be_visible()
    field(panel, "data.order.total").drag_to(panel.get_by_role("textbox", name="Body"))
    body = panel.get_by_role("textbox", name="Body")
    expect(body).to_have_text("{{ data.order.total | tojson }}")
    row = field(panel, "data.order.customer")
    row.hover()
    row.get_by_role("button", name="Insert data.order.customer into…").press("Enter")
    page.get_by_role("menuitem", name="URL").press("Enter")
    expect(panel.get_by_role("textbox", name="URL")).to_have_text(
        "https://a.example/{{ data.order.customer }}"
    )
    expect(panel.locator("[data-preview]").first).to_contain_text("ada@example.org")
    shot(page, "panel-dragged")
    page.get_by_role("button", name="Undo: Edit URL of Send").click()
    expect(panel.get_by_role("textbox", name="URL")).to_have_value("https://a.example/")
    page.get_by_role("button", name="Undo: Edit body of Send").click()
    expect(body).to_have_text("{{ data | tojson }}")


def test_mapping_by_drag_by_name_and_back(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = drawn(
        page,
        "Mapped",
        spec("order", "DataMapper", 0, {}, pinned=INPUTS),
        spec("map", "DataMapper", 1, {"mappings": []}),
        {**send(), "data": {**send()["data"], "imported": {"inputs": NEEDS}}},
    )
    panel = opened(page, orchestrator, "map")
    needed = panel.get_by_role("region", name="Not mapped yet")
    expect(needed).to_contain_text("email")
    field(panel, "data.total").drag_to(panel.get_by_text("or drop a field of the input here"))
    expect(panel.get_by_label("From, mapping 1")).to_have_value("data.total")
    expect(panel.get_by_label("To, mapping 1")).to_have_value("total")
    field(panel, "data.customer.email").drag_to(needed.get_by_role("button", name="email"))
    expect(panel.get_by_label("From, mapping 2")).to_have_value("data.customer.email")
    result = panel.get_by_role("region", name="Result on the sample")
    expect(result).to_contain_text("ada@example.org")
    expect(panel.locator("[data-mapping='1'] [data-preview]")).to_contain_text("42")

    panel.get_by_role("button", name="Add mapping").click()
    panel.get_by_label("From, mapping 3").fill("data.gone")
    panel.get_by_label("To, mapping 3").fill("note")
    row = panel.locator("[data-mapping='3']")
    expect(row).to_contain_text("data.gone is missing")
    panel.get_by_label("Default, mapping 3").fill("none")
    expect(row).not_to_contain_text("missing")
    expect(row.locator("[data-preview]")).to_contain_text("none")
    panel.get_by_label("Type, mapping 3").click()
    page.get_by_role("option", name="number").click()
    expect(row).to_contain_text("cannot become number")
    axe(page)
    shot(page, "panel-mapping")
    panel.get_by_role("button", name="Full width").click()
    lines = panel.locator("svg[data-lines] [data-line]")
    expect(lines).to_have_count(3)
    axe(page)
    shot(page, "panel-lines")
    start = (
        lines.nth(1)
        .locator("path")
        .first.evaluate(
            "path => { const at = path.getPointAtLength(5), box = path.ownerSVGElement.getBoundingClientRect();"
            " return [box.x + at.x, box.y + at.y] }"
        )
    )
    page.mouse.click(*start)
    expect(panel.get_by_label("From, mapping 2")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved")).to_have_count(0)
    mapper = stored(page, orchestrator)["definition"]["nodes"][1]
    assert mapper["data"]["config"]["mappings"] == [
        {"from": "data.total", "to": "total"},
        {"from": "data.customer.email", "to": "email"},
        {"from": "data.gone", "to": "note", "default": "none", "type": "number"},
    ]


def test_mapping_by_name_is_one_step_back(page: Page) -> None:
    orchestrator = drawn(
        page,
        "Named",
        spec("order", "DataMapper", 0, {}, pinned=INPUTS),
        spec("map", "DataMapper", 1, {"mappings": [{"from": "run.id", "to": "note"}]}),
        {**send(), "data": {**send()["data"], "imported": {"inputs": NEEDS}}},
    )
    panel = opened(page, orchestrator, "map")
    rows = panel.get_by_role("list", name="Mappings").get_by_role("listitem")
    expect(rows).to_have_count(1)
    panel.get_by_role("button", name="Map by name").click()
    expect(rows).to_have_count(3)
    by_name = [panel.get_by_label(f"From, mapping {row}").input_value() for row in (2, 3)]
    assert sorted(by_name) == ["data.customer.email", "data.total"]
    expect(panel.get_by_role("region", name="Not mapped yet")).to_have_count(0)
    page.get_by_role("button", name="Undo: Map by name in Map").click()
    expect(rows).to_have_count(1)


def test_a_missing_sample_is_pasted(page: Page, shot: Shot) -> None:
    orchestrator = drawn(page, "Pasted", spec("order", "DataMapper", 0, ORDER), send(url="{{ data.id }}"))
    panel = opened(page, orchestrator, "send")
    live = panel.locator("[data-preview]").first
    expect(live).to_contain_text("No sample yet")
    expect(part(panel, "Input")).to_contain_text("run it, or paste an example")
    shot(page, "panel-no-sample")
    panel.get_by_role("button", name="Paste an example").click()
    dialog = page.get_by_role("dialog", name="Pinned output of Order")
    dialog.get_by_role("textbox", name="Output").fill('{"id": "o-7"}')
    dialog.get_by_role("button", name="Pin output").click()
    expect(live).to_contain_text("o-7")
    expect(page.get_by_role("button", name="Undo: Pin output of Order")).to_be_visible()


TITLES = {"n8n": "n8n", "make": "Make", "zapier": "Zapier", "airflow": "Apache Airflow"}


def callable_workflow(page: Page) -> tuple[dict[str, Any], dict[str, Any]]:
    """A connection of the sandbox that is still there, and a workflow on it that can be started."""
    for connection in page.request.get("/api/v1/orchestrator/connections").json()["items"]:
        place = f"/api/v1/orchestrator/providers/{connection['provider']}/workflows"
        found = page.request.get(f"{place}?connectionId={connection['id']}").json().get("items", [])
        for workflow in found:
            if workflow["executable"] and connection["provider"] in TITLES:
                return connection, workflow
    raise AssertionError("no connection has a workflow that can be started")


def test_another_provider_clears_only_what_no_longer_fits(page: Page) -> None:
    connection, workflow = callable_workflow(page)
    config = {
        "provider": connection["provider"],
        "connectionId": connection["id"],
        "workflowId": workflow["id"],
        "bodyTemplate": '{"kept": true}',
        "headers": {"X-Kept": "yes"},
    }
    orchestrator = drawn(page, "Cascade", spec("call", "RemoteWebhook", 0, config))
    panel = opened(page, orchestrator, "call")
    expect(panel.get_by_role("combobox", name="Workflow")).to_contain_text(workflow["name"])
    panel.get_by_role("combobox", name="Provider").click()
    page.get_by_role("option", name=TITLES[connection["provider"]]).click()
    expect(panel.get_by_role("combobox", name="Workflow")).to_contain_text(workflow["name"])
    panel.get_by_role("combobox", name="Provider").click()
    other = "make" if connection["provider"] != "make" else "zapier"
    page.get_by_role("option", name=TITLES[other]).click()
    expect(panel.get_by_role("combobox", name="Workflow")).not_to_contain_text(workflow["name"])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Not saved")).to_have_count(0)
    kept = stored(page, orchestrator)["definition"]["nodes"][0]["data"]["config"]
    assert kept == {
        "provider": other,
        "bodyTemplate": '{"kept": true}',
        "headers": {"X-Kept": "yes"},
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_is_accessible_narrow_and_wide(page: Page, theme: str, axe: Axe, shot: Shot) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    orchestrator = drawn(
        page,
        f"Panel {theme}",
        spec("order", "DataMapper", 0, ORDER),
        send(url="{{ data.order.customer.name }}"),
        run=True,
    )
    panel = opened(page, orchestrator, "send")
    expect(panel.locator("[data-preview]").first).to_contain_text("Ada")
    part(panel, "Output").get_by_role("button", name="Output", exact=True).click()
    axe(page)
    shot(page, f"panel-{theme}")
    panel.get_by_role("button", name="Full width").click()
    for shape in ("Table", "JSON", "Tree"):
        part(panel, "Input").get_by_role("radio", name=shape).click()
        axe(page)
    shot(page, f"panel-{theme}-full")
    for name in ("Retry & time-out", "On error", "Wires", "Notes"):
        panel.get_by_role("tab", name=name).click()
        axe(page)
    panel.get_by_role("textbox", name="Notes").fill("Ask the shop first.")
    expect(page.get_by_role("button", name="Undo: Edit notes of Send")).to_be_attached()
    panel.get_by_role("button", name="Beside the drawing").click()
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    shot(page, f"panel-{theme}-narrow")
    expect(node(page, "Send")).to_be_attached()

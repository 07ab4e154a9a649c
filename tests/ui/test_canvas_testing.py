"""Tests of single steps, pins and the form of a run's inputs, as a person uses them on the canvas."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.site import Product

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
API = "/api/v1/orchestrator"


def made(page: Page, name: str, definition: dict[str, Any]) -> str:
    answer = page.request.post(API, data={"name": name, "definition": definition}, headers=SAME_ORIGIN)
    assert answer.status == 201, answer.text()
    return answer.json()["id"]


def mapper(name: str, at: int, source: str, target: str) -> dict[str, Any]:
    config = {"mappings": [{"from": source, "to": target}]}
    data = {"label": name, "config": config}
    return {"id": name.lower(), "type": "DataMapper", "position": {"x": 312 * at, "y": 0}, "data": data}


def chain(*wires: tuple[str, str]) -> list[dict[str, str]]:
    return [{"id": f"{a}-{b}", "source": a, "target": b, "sourceHandle": "out"} for a, b in wires]


def three() -> dict[str, Any]:
    nodes = [
        mapper("First", 0, "input.n", "a"),
        mapper("Second", 1, "data.a", "b"),
        mapper("Third", 2, "data.b", "c"),
    ]
    return {"version": 1, "nodes": nodes, "edges": chain(("first", "second"), ("second", "third"))}


def newest(page: Page, orchestrator: str) -> dict[str, Any]:
    found = page.request.get(f"{API}/{orchestrator}/runs?limit=1").json()["items"][0]
    return page.request.get(f"{API}/runs/{found['id']}").json()


def footer(page: Page) -> Locator:
    return page.get_by_role("region", name="Test", exact=True)


def ended(page: Page, word: str = "Completed") -> None:
    expect(page.get_by_role("region", name="Run", exact=True).get_by_role("status")).to_have_text(
        re.compile(word), timeout=30_000
    )


def statuses(run: dict[str, Any]) -> dict[str, str]:
    return {node["id"]: node["status"] for node in run["nodes"]}


def test_a_changed_step_of_the_sample_is_tested_alone(page: Page, product: Product, shot: Shot) -> None:
    """Run the sample once, change a step, test just it: the rest is reused, and the panel says so before."""
    sample = page.request.get(f"{API}/{product.sample}").json()["definition"]
    orchestrator = made(page, "Tested sample", sample)
    page.goto(f"/orchestrators/{orchestrator}")
    page.get_by_role("button", name=re.compile("^Run")).first.click()
    dialog = page.get_by_role("dialog", name="Run")
    forecast = dialog.get_by_text("Will run 5 steps here and call", exact=False)
    expect(forecast).to_be_visible()
    forecast.click()
    steps = dialog.get_by_role("list", name="Steps of the plan")
    expect(
        steps.get_by_text("will call n8n · Price the order; starting it twice starts it twice")
    ).to_be_visible()
    shot(page, "testing-run-dialog")
    dialog.get_by_role("button", name="Start run").click()
    ended(page)
    first = newest(page, orchestrator)
    page.goto(f"/orchestrators/{orchestrator}?node=map")
    expect(footer(page)).to_contain_text("Order and amount")
    page.get_by_role("textbox", name="Name", exact=True).last.fill("Order and sum")
    expect(footer(page)).to_contain_text(
        f"Will reuse 1 output from run {first['number']} and run Order and sum"
    )
    shot(page, "testing-footer")
    footer(page).get_by_role("button", name="Test step").click()
    ended(page)
    output = page.get_by_role("region", name="Output", exact=True)
    expect(output.get_by_role("list", name="Output")).to_contain_text("288")
    shot(page, "testing-result")
    run = newest(page, orchestrator)
    assert run["trigger"]["kind"] == "test" and run["revision"] == 2
    done = statuses(run)
    assert (done.pop("price"), done.pop("map")) == ("COMPLETED", "COMPLETED")
    assert set(done.values()) == {"SKIPPED"}
    # The reused step was not called again.
    assert run["nodes"][0]["attempts"] == [] and len(run["nodes"][1]["attempts"]) == 1
    lines = page.request.get(f"{API}/runs/{run['id']}/logs?nodeId=price").json()["items"]
    assert [line["message"] for line in lines] == [f"Price the order: output of run {first['number']} reused"]
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    expect(footer(page)).to_be_visible()
    shot(page, "testing-footer-narrow")


def test_a_missing_output_is_named_and_can_be_pinned_run_or_taken(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Missing", three())
    page.goto(f"/orchestrators/{orchestrator}?node=third")
    missing = footer(page).get_by_role("list", name="Missing outputs")
    expect(missing).to_contain_text("Second has no output yet.")
    expect(footer(page).get_by_role("button", name="Test step")).to_be_disabled()
    expect(footer(page)).to_contain_text("Will run 3 steps here")
    axe(page)
    shot(page, "testing-missing")
    # Somebody else's run has it: a token is another subject.
    token = page.request.post(
        "/api/v1/tokens", data={"name": "robot", "role": "operator"}, headers=SAME_ORIGIN
    )
    bearer = {"Authorization": f"Bearer {token.json()['token']}", "Prefer": "wait=20"}
    other = page.request.post(f"{API}/{orchestrator}/run", data={"inputs": {"n": 7}}, headers=bearer).json()
    page.reload()
    missing.get_by_role("button", name="Use last run").click()
    expect(footer(page)).to_contain_text(f"Will reuse 1 output from run {other['number']}")
    footer(page).get_by_role("button", name="Test step").click()
    ended(page)
    assert newest(page, orchestrator)["nodes"][2]["output"] == {"c": 7}
    footer(page).get_by_role("button", name="Only mine").click()
    # Run it: up to the step before.
    missing.get_by_role("button", name="Run it").click()
    expect(footer(page).get_by_role("button", name="Test step")).to_be_enabled()
    run = newest(page, orchestrator)
    assert statuses(run) == {"first": "COMPLETED", "second": "COMPLETED", "third": "SKIPPED"}


def test_an_output_is_pinned_by_hand_and_unpinned_by_key(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Pinned", three())
    page.goto(f"/orchestrators/{orchestrator}?node=third")
    footer(page).get_by_role("button", name="Pin data").click()
    dialog = page.get_by_role("dialog", name="Pinned output of Second")
    editor = dialog.get_by_role("textbox")
    editor.fill('{"b": 12')
    expect(dialog.get_by_role("button", name="Pin output")).to_be_disabled()
    editor.fill('{"b": 12}')
    axe(page)
    shot(page, "testing-pin-editor")
    dialog.get_by_role("button", name="Pin output").click()
    expect(footer(page)).to_contain_text("Will use 1 pin and run Third")
    page.keyboard.press("Control+Shift+Enter")
    ended(page)
    run = newest(page, orchestrator)
    assert run["nodes"][2]["output"] == {"c": 12} and run["nodes"][1]["output"] == {"b": 12}
    stored = page.request.get(f"{API}/{orchestrator}").json()
    assert stored["definition"]["nodes"][1]["data"]["pinned"] == {"b": 12}
    # A real run knows nothing of it.
    bearer = {**SAME_ORIGIN, "Prefer": "wait=20"}
    real = page.request.post(f"{API}/{orchestrator}/run", data={"inputs": {"n": 1}}, headers=bearer).json()
    assert real["nodes"][2]["output"] == {"c": 1}
    # P unpins the selected step, and undo pins it again.
    page.locator(".react-flow__node").filter(has_text="Second").click()
    page.keyboard.press("p")
    expect(page.get_by_text("The output of Second is not pinned any more")).to_be_visible()
    page.keyboard.press("Control+z")
    page.locator(".react-flow__node").filter(has_text="Third").dblclick()
    expect(footer(page)).to_contain_text("Will use 1 pin")


def test_the_last_output_is_pinned_from_the_panel(page: Page) -> None:
    orchestrator = made(page, "Pin last", three())
    headers = {**SAME_ORIGIN, "Prefer": "wait=20"}
    page.request.post(f"{API}/{orchestrator}/run", data={"inputs": {"n": 3}}, headers=headers)
    page.goto(f"/orchestrators/{orchestrator}?node=second")
    page.get_by_role("button", name="Pin the output").click()
    page.get_by_role("menuitem", name="Pin the last output").click()
    expect(page.get_by_text("The output of Second is pinned")).to_be_visible()
    page.keyboard.press("Control+s")
    expect(page.get_by_role("button", name="Pinned output")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Pinned output")).to_be_visible()
    drawn = page.request.get(f"{API}/{orchestrator}").json()["definition"]["nodes"]
    assert drawn[1]["data"]["pinned"] == {"b": 3}


def test_inputs_are_a_form_where_the_drawing_says_what_it_takes(page: Page, axe: Axe, shot: Shot) -> None:
    schema = {
        "type": "object",
        "required": ["n", "who"],
        "properties": {
            "n": {"type": "integer", "title": "Number", "minimum": 1},
            "who": {"type": "string", "title": "Who", "minLength": 1, "description": "Who asks for it."},
            "fast": {"type": "boolean", "title": "Fast"},
        },
    }
    orchestrator = made(page, "With inputs", {**three(), "inputSchema": schema})
    page.goto(f"/orchestrators/{orchestrator}")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()  # who one is has come, too
    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog", name="Run")
    who = dialog.get_by_role("textbox", name="Who")
    expect(who).to_be_visible()
    dialog.get_by_role("button", name="Start run").click()
    expect(dialog.get_by_text("This is needed.")).to_be_visible()
    who.fill("Ada")
    dialog.get_by_label("Number").fill("5")
    axe(page)
    shot(page, "testing-inputs")
    dialog.get_by_role("button", name="Start run").click()
    ended(page)
    assert newest(page, orchestrator)["inputs"] == {"n": 5, "who": "Ada"}
    # They are remembered, and can be written as JSON.
    page.keyboard.press("Control+Enter")
    expect(who).to_have_value("Ada")
    dialog.get_by_role("radio", name="JSON").click()
    dialog.get_by_role("textbox").fill('{"n": 0, "who": "Eve"}')
    expect(dialog.get_by_text("/n: Too small.")).to_be_visible()
    dialog.get_by_role("button", name="Use last run's input").click()
    expect(dialog.get_by_role("textbox")).to_contain_text('"Ada"')
    dialog.get_by_role("radio", name="Form").click()
    expect(dialog.get_by_label("Number")).to_have_value("5")


def test_the_fields_of_the_input_are_made_from_what_was_given(page: Page, axe: Axe, shot: Shot) -> None:
    orchestrator = made(page, "Fields", three())
    page.goto(f"/orchestrators/{orchestrator}")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()  # who one is has come, too
    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog", name="Run")
    dialog.get_by_role("textbox", name="Inputs").fill('{"n": 4}')
    dialog.get_by_role("button", name="Fields …").click()
    fields = page.get_by_role("dialog", name="Fields of the input")
    fields.get_by_role("button", name="From the inputs given").click()
    expect(fields.get_by_role("textbox", name="Schema")).to_contain_text('"integer"')
    axe(page)
    shot(page, "testing-fields")
    fields.get_by_role("button", name="Save fields").click()
    expect(fields).to_be_hidden()
    expect(dialog.get_by_label("n (required)")).to_have_value("4")
    stored = page.request.get(f"{API}/{orchestrator}").json()
    assert stored["revision"] == 2 and stored["definition"]["inputSchema"]["required"] == ["n"]
    dialog.get_by_role("button", name="Start run").click()
    ended(page)
    refused = page.request.post(f"{API}/{orchestrator}/run", data={"inputs": {}}, headers=SAME_ORIGIN)
    assert refused.status == 422

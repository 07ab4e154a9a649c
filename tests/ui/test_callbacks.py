"""Callbacks on the screens: what came early, twice or with a wrong token is explained, and a person can help a run along."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from runner.webhook_auth import read_auth
from runner.webhook_proof import sign
from tests.ui.conftest import NARROW, Axe, Shot
from tests.ui.test_overview import API, OURS, both_themes

SCHEMA = {"type": "object", "required": ["approved"], "properties": {"approved": {"type": "boolean"}}}


def drawing(delay: int, **more: Any) -> dict[str, Any]:
    """A pause, then a wait for an answer."""
    nodes = [
        ("pause", "Delay", {"duration": delay}, "Take a breath"),
        ("answer", "WaitForCallback", {"schema": SCHEMA, **more}, "Wait for the answer"),
    ]
    return {
        "version": 1,
        "nodes": [
            {"id": n, "type": t, "position": {"x": 0, "y": 0}, "data": {"label": label, "config": config}}
            for n, t, config, label in nodes
        ],
        "edges": [{"id": "e", "source": "pause", "target": "answer"}],
    }


def begun(page: Page, name: str, delay: int = 1, runs: int = 1, **more: Any) -> list[dict[str, Any]]:
    made = page.request.post(API, data={"name": name, "definition": drawing(delay, **more)}, headers=OURS)
    assert made.status == 201, made.text()
    url = f"{API}/{made.json()['id']}/run"
    return [page.request.post(url, data={"inputs": {}}, headers=OURS).json() for _ in range(runs)]


def wait_of(page: Page, run: dict[str, Any], state: str | None = None) -> dict[str, Any]:
    """What the run says of its wait, once it is in that state."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (found,) = page.request.get(f"{API}/runs/{run['id']}/callbacks").json()["items"]
        if state in (None, found["state"]):
            return found
    raise AssertionError(f"the wait never was {state}")


def rows(page: Page) -> Locator:
    return page.get_by_role("table", name="Attempts on Wait for the answer").get_by_role("row")


def completed(page: Page) -> None:
    expect(page.locator("h1 + *")).to_have_text(re.compile("Completed"), timeout=20_000)


def test_early_twice_and_with_a_wrong_token(page: Page, axe: Axe, shot: Shot) -> None:
    (run,) = begun(page, "Early and twice", delay=4000)
    address: str = wait_of(page, run, "armed")["callbackUrl"]
    for url, n, status in ((address, 1, 202), (address, 2, 200), (address[:-4] + "AAAA", 3, 404)):
        assert httpx.post(url, json={"approved": True, "n": n}).status_code == status
    page.goto(f"/runs/{run['id']}?node=answer&tab=callbacks")
    for said in ("Early, kept", "Duplicate", "Bad token"):
        expect(rows(page).filter(has_text=said)).to_have_count(1)
    expect(rows(page).filter(has_text="127.0.0.1")).to_have_count(3)
    completed(page)
    both_themes(page, axe, shot, "callbacks-explained")
    rows(page).filter(has_text="Early, kept").get_by_role("button", name="Show body").click()
    expect(page.get_by_role("button", name="Replay …")).to_be_visible()
    expect(rows(page).get_by_text("approved:")).to_be_visible()
    both_themes(page, axe, shot, "callbacks-body")
    found = page.request.get(f"{API}/runs/{run['id']}").json()
    assert found["output"] == {"approved": True, "n": 1}, "the first one counts, once"
    lines = page.request.get(f"{API}/runs/{run['id']}/logs?limit=200").json()["items"]
    assert [line["kind"] for line in lines].count("callback.accepted") == 1
    page.set_viewport_size(NARROW)  # pyright: ignore[reportArgumentType]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    shot(page, "callbacks-narrow")


def secret(page: Page, name: str) -> tuple[dict[str, Any], bytes]:
    """A mode that asks for a signature, and the secret to sign with."""
    made = page.request.post("/api/v1/signing-secrets", data={"name": name}, headers=OURS).json()
    return {"mode": "standard-webhooks", "secretId": made["id"]}, made["secret"].encode()


def test_early_twice_and_once_with_a_bad_signature(page: Page, axe: Axe, shot: Shot) -> None:
    """Walk-through 5: the run resumes once, and the tab explains all three."""
    auth, key = secret(page, "The approver")
    (run,) = begun(page, "Signed", delay=4000, auth=auth)
    address: str = wait_of(page, run, "armed")["callbackUrl"]
    raw = b'{"approved": true}'
    for given, status in ((b"whsec_" + b"A" * 43, 401), (key, 202), (key, 200)):
        headers = sign(read_auth(auth), given, raw, time.time(), f"m-{time.monotonic_ns()}")
        headers.append((b"content-type", b"application/json"))
        assert httpx.post(address, content=raw, headers=headers).status_code == status
    page.goto(f"/runs/{run['id']}?node=answer&tab=callbacks")
    for said in ("Early, kept", "Duplicate", "Bad signature"):
        expect(rows(page).filter(has_text=said)).to_have_count(1)
    expect(rows(page).filter(has_text="Bad signature")).to_contain_text("the wait stayed open")
    expect(page.get_by_text("A caller needs the token and a signature (standard webhooks)")).to_be_visible()
    completed(page)
    both_themes(page, axe, shot, "callbacks-signed")
    lines = page.request.get(f"{API}/runs/{run['id']}/logs?limit=200").json()["items"]
    assert [line["kind"] for line in lines].count("callback.accepted") == 1
    page.goto("/inbound?verdict=refused&q=Signed")
    inbound = page.get_by_role("table", name="Callbacks").get_by_role("row").filter(has_text="Signed")
    expect(inbound).to_have_count(1)
    expect(inbound).to_contain_text("Bad signature")
    both_themes(page, axe, shot, "inbound-refused")


def test_a_test_is_signed_as_the_sender_would(page: Page) -> None:
    auth, _ = secret(page, "The tester")
    (run,) = begun(page, "Signed test", auth=auth)
    wait_of(page, run, "parked")
    page.goto(f"/runs/{run['id']}?node=answer&tab=callbacks")
    page.get_by_role("button", name="Send test …").click()
    dialog = page.get_by_role("dialog", name="Send “Wait for the answer” a test")
    expect(dialog.get_by_text("signed as the sender would")).to_be_visible()
    dialog.get_by_role("button", name="Send test").click()
    completed(page)
    expect(rows(page).filter(has_text="By hand")).to_contain_text("Test")


def test_a_flood_of_refused_calls_is_one_line_in_inbound(page: Page, axe: Axe, shot: Shot) -> None:
    auth, _ = secret(page, "Flooded")
    (run,) = begun(page, "Flooded", auth=auth)
    address: str = wait_of(page, run, "parked")["callbackUrl"]
    with httpx.Client() as client:
        assert {client.post(address, json={}).status_code for _ in range(30)} == {401}
    page.goto("/inbound?q=Flooded")
    bursts = page.get_by_role("list", name="Bursts of refused calls")
    expect(bursts.get_by_role("listitem").filter(has_text="Flooded #")).to_have_count(1, timeout=15_000)
    both_themes(page, axe, shot, "inbound-burst")
    page.goto(f"/runs/{run['id']}?node=answer&tab=callbacks")
    expect(page.get_by_text("30 calls were refused in all")).to_be_visible()


def test_a_wait_is_extended_and_resumed_by_hand(page: Page, axe: Axe, shot: Shot) -> None:
    (run,) = begun(page, "By hand")
    before = wait_of(page, run, "parked")
    page.goto(f"/runs/{run['id']}?tab=callbacks")
    token = before["callbackUrl"].partition("token=")[2]
    expect(page.get_by_text("token=bt_••••")).to_be_visible()
    assert token not in page.content()
    both_themes(page, axe, shot, "callbacks-waiting")
    page.get_by_role("button", name="Extend …").click()
    both_themes(page, axe, shot, "callbacks-extend")
    page.get_by_role("button", name="Extend the wait").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert wait_of(page, run)["until"] > before["until"]
    page.get_by_role("button", name="Resume by hand …").click()
    dialog = page.get_by_role("dialog", name="Resume “Wait for the answer” by hand")
    dialog.get_by_role("button", name="Resume the run").click()
    expect(dialog.get_by_text("Say why")).to_be_visible()
    expect(dialog.get_by_text('"approved": true')).to_be_visible()
    both_themes(page, axe, shot, "callbacks-by-hand")
    dialog.get_by_label("Reason (required)").fill("They said yes on the phone")
    dialog.get_by_role("button", name="Resume the run").click()
    completed(page)
    expect(rows(page).filter(has_text="By hand")).to_contain_text("They said yes on the phone")
    lines = page.request.get(f"{API}/runs/{run['id']}/logs?limit=200").json()["items"]
    told = [line["message"] for line in lines if line["kind"] == "callback.accepted"]
    assert len(told) == 1 and "resumed by hand by owner (They said yes on the phone)" in told[0]


def test_a_test_that_does_not_fit_says_where(page: Page) -> None:
    (run,) = begun(page, "Does not fit")
    wait_of(page, run, "parked")
    page.goto(f"/runs/{run['id']}?node=answer&tab=callbacks")
    page.get_by_role("button", name="Send test …").click()
    dialog = page.get_by_role("dialog", name="Send “Wait for the answer” a test")
    editor = dialog.get_by_label("Body")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type('{"approved": 1')
    dialog.get_by_role("button", name="Send test").click()
    expect(dialog.get_by_text("/approved")).to_be_visible()
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type('{"approved": false')
    dialog.get_by_role("button", name="Send test").click()
    completed(page)


def test_a_body_is_replayed_to_another_run(page: Page, axe: Axe, shot: Shot) -> None:
    first, second = begun(page, "Replayed", runs=2)
    for run in (first, second):
        wait_of(page, run, "parked")
    assert httpx.post(wait_of(page, first)["callbackUrl"], json={"approved": True}).status_code == 202
    page.goto("/inbound?q=Replayed")
    mine = page.get_by_role("table", name="Callbacks").get_by_role("row").filter(has_text="Replayed")
    expect(mine).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").filter(has_text="Paused")).to_be_visible()
    both_themes(page, axe, shot, "inbound-paused")
    mine.click()
    page.get_by_role("dialog").get_by_role("button", name="Replay …").click()
    dialog = page.get_by_role("dialog", name="Send this body again")
    dialog.get_by_role("button", name="Send again").click()
    expect(dialog.get_by_role("alert")).to_contain_text("resumed already")
    dialog.get_by_role("combobox").click()
    page.get_by_role("option", name=f"Run #{second['number']}").click()
    dialog.get_by_label("Reason").fill("It was meant for both")
    both_themes(page, axe, shot, "inbound-replay")
    dialog.get_by_role("button", name="Send again").click()
    expect(dialog).to_have_count(0)
    page.goto(f"/runs/{second['id']}?node=answer&tab=callbacks")
    completed(page)
    expect(rows(page).filter(has_text="It was meant for both")).to_have_count(1)

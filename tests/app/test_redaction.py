"""What a rule masks is masked wherever a payload is served, stays whole underneath, and is revealed to whom may see it, with a
reason that is written down."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from starlette.routing import Route

from app.main import create_app
from runner.errors import NotFound
from runner.model import Policy, Role
from runner.store.audit import AuditFilter
from tests.factories import Site, make_graph, make_workspace, open_store, settings_for, site_on
from tests.receiver import Receiver
from tests.serving import served

API = "/api/v1/orchestrator"
RULES = "/api/v1/redaction/rules"
MAIL = "canary.person@example.com"
WORD = "canary-hunter2"
INPUTS: dict[str, Any] = {
    "mail": f"write to {MAIL}",
    "customer": {"secret": WORD, "n": 7},
    "rows": [{"pin": WORD}, {}],
    "good": "plain",
}


async def rule(site: Site, name: str, kind: str, value: str, **more: Any) -> Any:
    answer = await site.client.post(RULES, json={"name": name, "kind": kind, "value": value, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def mask(site: Site) -> None:
    await rule(site, "e-mail", "preset", "email")
    await rule(site, "secret word", "pattern", "canary-[a-z0-9]+")


async def started(site: Site, definition: Any, inputs: dict[str, Any], wait: int = 20) -> Any:
    made = (await site.client.post(API, json={"name": "masked", "definition": definition})).json()
    answer = await site.client.post(
        f"{API}/{made['id']}/run", json={"inputs": inputs}, headers={"Prefer": f"wait={wait}"}
    )
    assert answer.is_success, answer.text
    return answer.json()


def hidden(answer: httpx.Response) -> None:
    lowered = answer.text.lower()
    for secret in (MAIL, WORD, MAIL.replace("@", "%40")):
        assert secret not in lowered, (answer.url, answer.text[:2000])


async def played(site: Site, hook: str) -> dict[str, str]:
    """Runs that leave the canaries everywhere a payload can stand: ids for the routes that show them."""
    body = json.dumps({"to": "{{ input.mail }}", "word": "{{ input.customer.secret }}"})
    config = {"url": f"{hook}/ok?for={{{{ input.customer.secret }}}}", "bodyTemplate": body}
    kinds = {"call": "RemoteWebhook", "wait": "WaitForCallback"}
    run = await started(
        site, make_graph("call>wait", kinds=kinds, call=config, wait={}).to_json(), INPUTS, wait=0
    )
    url = f"{API}/runs/{run['id']}"

    async def shown() -> Any:
        return (await site.client.get(url)).json()

    async with asyncio.timeout(20):
        while not (found := await shown())["waiting"]:
            await asyncio.sleep(0.05)
        address = found["waiting"][0]["callbackUrl"].partition("/api/")
        posted = await site.anonymous.post(f"/api/{address[2]}", json=INPUTS)
        assert posted.status_code == 202, posted.text
        while (await shown())["status"] != "COMPLETED":
            await asyncio.sleep(0.05)
    mapping: Any = {"mappings": [{"from": "data.mail", "to": "n", "type": "integer"}]}
    failed = await started(site, make_graph("A", A=mapping).to_json(), INPUTS)
    assert failed["status"] == "FAILED", "its message quotes the text that is no number"
    letters = (await site.client.get(f"{API}/dead-letters")).json()["items"]
    received = (await site.client.get(f"{API}/callbacks")).json()["items"]
    return {
        "id": run["orchestratorId"],
        "runId": run["id"],
        "failed": failed["id"],
        "failedOf": failed["orchestratorId"],
        "letterId": letters[0]["id"],
        "callbackId": str(received[0]["id"]),
    }


LOOPBACK = (ip_network("127.0.0.0/8"),)


@asynccontextmanager
async def playing(
    database_url: str, folder: Path, **more: Any
) -> AsyncGenerator[tuple[Site, dict[str, str]]]:
    async with (
        served(Receiver()) as hook,
        site_on(database_url, folder, engine=True, egress_allow=LOOPBACK, **more) as live,
    ):
        yield live, await played(live, hook)


async def test_every_route_that_reads_shows_the_mask_alone(database_url: str, tmp_path: Path) -> None:
    """All GET routes of the app, the event stream among them, for a run, a failed run, their letter and their callback."""
    async with playing(database_url, tmp_path) as (live, known):
        before = (await live.client.get(f"{API}/runs/{known['runId']}")).text
        assert MAIL in before and WORD in before, "without rules all is shown"
        await mask(live)
        seen: set[str] = set()
        for route in create_app(settings_for("postgresql+asyncpg://x/y", tmp_path)).routes:
            assert isinstance(route, Route)
            if "GET" not in (route.methods or ()) or route.path_format in ENDLESS:
                continue
            for run_id in (known["runId"], known["failed"]):
                ids = {**known, "runId": run_id, "nodeId": "call", "revision": "1", "provider": "n8n"}
                path = re.sub(
                    r"\{(\w+)\}", lambda found, ids=ids: ids.get(found[1], "none"), route.path_format
                )
                answer = await live.client.get(path)
                assert answer.status_code < 500, (path, answer.text)
                hidden(answer)
                if "▒▒" in answer.text:
                    seen.add(route.path_format)
        assert seen >= {
            f"{API}/runs",
            f"{API}/runs/errors",
            f"{API}/runs/{{runId}}",
            f"{API}/runs/{{runId}}/logs",
            f"{API}/runs/{{runId}}/events",
            f"{API}/{{id}}/runs",
            f"{API}/callbacks/{{callbackId}}",
            f"{API}/dead-letters",
            f"{API}/dead-letters/{{letterId}}",
        }
        for of, node in ((known["id"], "wait"), (known["failedOf"], "A")):
            sampled = await live.client.post(f"{API}/{of}/sample", json={"nodeId": node})
            hidden(sampled)
            assert "▒▒e-mail" in sampled.text
        scope = await live.store.access.scope("test")
        again = await live.client.post(
            f"{API}/runs/{known['failed']}/retry", json={}, headers={"Prefer": "wait=5"}
        )
        hidden(again)
        whole = await live.store.revealing.reveal(scope, UUID(known["runId"]), "inputs", reason="a test")
        assert whole == INPUTS, "what is stored, and what a retry computes with, is whole"


ENDLESS = {f"{API}/{{id}}/events"}
"""A stream of who has the drawing open: no payload, and no end."""


async def test_rules_by_path_mask_that_place_of_every_payload(database_url: str, tmp_path: Path) -> None:
    async with playing(database_url, tmp_path) as (live, known):
        await rule(live, "customer", "path", "customer")
        await rule(live, "pin", "path", "rows[*].pin")
        await rule(live, "to", "path", "to")
        run = (await live.client.get(f"{API}/runs/{known['runId']}")).json()
        mark = {"$masked": {"kind": "object", "size": 2, "rule": "customer"}}
        pin = {"$masked": {"kind": "string", "size": len(WORD), "rule": "pin"}}
        assert run["inputs"] == {**INPUTS, "customer": mark, "rows": [{"pin": pin}, {}]}
        assert run["nodes"][1]["output"]["customer"] == mark
        (attempt,) = run["nodes"][0]["attempts"]
        sent = json.loads(attempt["request"]["body"])
        assert sent["to"]["$masked"]["rule"] == "to" and sent["word"] == WORD
        answered = json.loads(attempt["response"]["body"])
        assert answered["echo"]["word"] == WORD, "a path begins at the root"


async def test_a_rule_of_one_orchestrator_adds_to_the_others(database_url: str, tmp_path: Path) -> None:
    async with playing(database_url, tmp_path) as (live, known):
        await rule(live, "e-mail", "preset", "email")
        found = await rule(live, "word", "path", "customer", orchestratorId=known["id"])
        assert found["rules"][1]["orchestratorName"] == "masked"
        one = (await live.client.get(f"{API}/runs/{known['runId']}")).json()["inputs"]
        other = (await live.client.get(f"{API}/runs/{known['failed']}")).json()["inputs"]
        assert one["mail"] == other["mail"] == f"write to ▒▒e-mail:{len(MAIL)}▒▒"
        assert "$masked" in one["customer"] and other["customer"] == INPUTS["customer"]
        gone = await live.client.delete(f"{RULES}/{found['rules'][0]['id']}")
        assert gone.status_code == 204
        assert (await live.client.get(f"{API}/runs/{known['failed']}")).json()["inputs"] == INPUTS


async def test_other_processes_follow_soon(database_url: str, tmp_path: Path) -> None:
    async with playing(database_url, tmp_path) as (live, known):
        scope = await live.store.access.scope("test")
        run_id = UUID(known["runId"])
        assert (
            await live.store.history.run(scope, run_id)
        ).inputs == INPUTS  # the other store's cache is warm
        await mask(live)
        async with asyncio.timeout(10):
            while (await live.store.history.run(scope, run_id)).inputs == INPUTS:
                await asyncio.sleep(0.2)


async def test_what_is_not_to_be_stored_is_masked_in_the_database(database_url: str, tmp_path: Path) -> None:
    """In calls and log lines. What a later node or a retry needs stays whole, masked where it is shown."""
    async with (
        served(Receiver()) as hook,
        site_on(database_url, tmp_path, engine=True, egress_allow=LOOPBACK) as live,
    ):
        await rule(live, "secret word", "pattern", "canary-[a-z0-9]+", store=False)
        await rule(live, "e-mail", "preset", "email")
        known = await played(live, hook)
        async with live.store.database.begin() as connection:
            calls = (await connection.scalars(text("SELECT exchanges::text FROM node_attempt"))).all()
            logs = (
                await connection.scalars(
                    text("SELECT message || coalesce(data::text, '') FROM run_event WHERE kind = 'log'")
                )
            ).all()
            inputs = await connection.scalar(
                text("SELECT inputs::text FROM run WHERE id = :id"), {"id": known["runId"]}
            )
        assert any("▒▒secret word" in call for call in calls)
        assert not any(WORD in found for found in [*calls, *logs]) and any(MAIL in call for call in calls)
        assert WORD in inputs


async def test_the_archive_is_masked(database_url: str, tmp_path: Path) -> None:
    async with playing(database_url, tmp_path) as (live, known):
        await mask(live)
        await rule(live, "good", "path", "good")
        scope = await live.store.access.scope("test")
        for letter in (await live.client.get(f"{API}/dead-letters", params={"state": "open"})).json()[
            "items"
        ]:
            assert (
                await live.client.post(f"{API}/dead-letters/{letter['id']}/drop", json={"reason": "x"})
            ).is_success
        async with open_store(database_url) as store:
            async with store.database.begin() as connection:
                await connection.execute(
                    text(
                        "UPDATE run SET finished_at = finished_at - interval '9 days' WHERE finished_at IS NOT NULL"
                    )
                )
            await store.retention.hurry(scope)
            gone = 0
            async with asyncio.timeout(20):
                while gone < 2:
                    step = await store.purge.step(Policy(days=5), archive=tmp_path / "shelf", pause=0)
                    gone += step.runs if step else 0
        files = list((tmp_path / "shelf").rglob("*.gz"))
        whole = "".join(gzip.decompress(file.read_bytes()).decode() for file in files)
        assert known["runId"] in whole and "▒▒e-mail" in whole and '"rule": "good"' in whole
        assert MAIL not in whole and WORD not in whole


async def test_who_may_reveals_with_a_reason_that_is_kept(database_url: str, tmp_path: Path) -> None:
    async with playing(database_url, tmp_path) as (live, known):
        await mask(live)
        await rule(live, "customer", "path", "customer")
        url = f"{API}/runs/{known['runId']}/reveal"
        wanted = {"part": "inputs", "path": "customer.secret", "reason": "asked by the customer"}
        for role in (Role.VIEWER, Role.OPERATOR, Role.EDITOR):
            refused = await live.anonymous.post(url, json=wanted, headers=live.bearer(role))
            assert refused.status_code == 403
        without = await live.client.post(url, json={**wanted, "reason": "  "})
        assert without.status_code == 422
        shown = await live.client.post(url, json=wanted)
        assert (shown.status_code, shown.json()) == (200, {"value": WORD})
        scope = await live.store.access.scope("test")
        (line,) = await live.store.audit.page(scope, AuditFilter(action="payload.revealed"), limit=10)
        assert (line.by, line.reason, line.fields) == (
            "token:admin",
            wanted["reason"],
            ("inputs customer.secret",),
        )
        assert line.object_id == known["runId"] and WORD not in line.model_dump_json()

        allowed = await live.client.put("/api/v1/redaction/reveal", json={"role": "operator"})
        assert allowed.json()["revealRole"] == "operator"
        asked = await live.anonymous.post(url, json=wanted, headers=live.bearer(Role.OPERATOR))
        assert asked.json() == {"value": WORD}
        assert (
            await live.anonymous.post(url, json=wanted, headers=live.bearer(Role.VIEWER))
        ).status_code == 403
        parts: list[tuple[dict[str, Any], Any]] = [
            ({"part": "inputs"}, INPUTS),
            ({"part": "output", "nodeId": "wait", "path": "rows[*].pin"}, [WORD, None]),
            ({"part": "input", "nodeId": "wait", "path": "echo.to"}, INPUTS["mail"]),
            ({"part": "callback", "number": int(known["callbackId"]), "path": "mail"}, INPUTS["mail"]),
        ]
        for part, value in parts:
            answer = await live.client.post(url, json={**part, "reason": "a test"})
            assert answer.json() == {"value": value}, (part, answer.text)
        calls = await live.client.post(url, json={"part": "attempts", "nodeId": "call", "reason": "a test"})
        assert MAIL in calls.text and WORD in calls.text
        lines = (await live.client.get(f"{API}/runs/{known['failed']}/logs")).json()["items"]
        number = next(line["seq"] for line in lines if "▒▒" in line["message"])
        other = f"{API}/runs/{known['failed']}/reveal"
        told = await live.client.post(other, json={"part": "line", "number": number, "reason": "a test"})
        assert MAIL in told.json()["value"]["message"]
        for nowhere in (
            {"part": "input"},
            {"part": "inputs", "path": "none"},
            {"part": "line", "number": 999},
            {"part": "attempts", "nodeId": "other"},
            {"part": "callback", "number": 2**62},
        ):
            assert (await live.client.post(url, json={**nowhere, "reason": "a test"})).status_code == 404
        broken = await live.client.post(url, json={"part": "inputs", "path": "a..b", "reason": "a test"})
        assert (broken.status_code, broken.json()["code"]) == (422, "path")


async def test_a_mask_is_not_taken_for_a_value(site: Site) -> None:
    made = (await site.client.post(API, json={"name": "x", "definition": make_graph("A").to_json()})).json()
    marked = {"a": {"$masked": {"kind": "string", "size": 3, "rule": "x"}}}
    url = f"{API}/{made['id']}"
    assert (await site.client.post(f"{url}/run", json={"inputs": marked})).status_code == 202, (
        "no rules, no look"
    )
    await rule(site, "x", "path", "a")
    pinned = make_graph("A").to_json()
    pinned["nodes"][0]["data"]["pinned"] = ["text ▒▒x:3▒▒"]  # pyright: ignore[reportArgumentType, reportCallIssue, reportIndexIssue, reportOptionalSubscript]
    for method, where, body in (
        ("POST", f"{url}/run", {"inputs": marked}),
        ("POST", f"{url}/test", {"nodeId": "A", "mode": "node", "inputs": marked}),
        ("PUT", url, {"definition": pinned}),
        ("POST", API, {"name": "y", "definition": pinned}),
    ):
        answer = await site.client.request(method, where, json=body)
        assert (answer.status_code, answer.json()["detail"]) == (422, "A masked value cannot be used.")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("(?=x)x", "look-ahead"),
        ("(?<=x)y", "look-ahead"),
        (r"(a)\1", "back-references"),
        ("a*", "at least one character"),
        ("((x{1000}){1000}){1000}", "RE2"),
        ("(", "RE2"),
        ("a" * 501, None),
    ],
)
async def test_a_pattern_that_re2_does_not_take_is_refused_in_words(
    site: Site, value: str, words: str | None
) -> None:
    answer = await site.client.post(RULES, json={"name": "x", "kind": "pattern", "value": value})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-rule"), answer.text
    assert words is None or words in answer.json()["hint"]


async def test_rules_that_mean_nothing_are_refused(site: Site) -> None:
    for body in (
        {"name": "x", "kind": "preset", "value": "shoe-size"},
        {"name": "x", "kind": "path", "value": "a..b"},
        {"name": "a:b", "kind": "path", "value": "a"},
        {"name": "", "kind": "path", "value": "a"},
        {"name": "x", "kind": "path", "value": "a", "workspaceId": "mine"},
    ):
        assert (await site.client.post(RULES, json=body)).status_code == 422, body
    foreign = {"name": "x", "kind": "path", "value": "a", "orchestratorId": str(UUID(int=1))}
    assert (await site.client.post(RULES, json=foreign)).status_code == 404
    for role in (Role.VIEWER, Role.OPERATOR, Role.EDITOR):
        answer = await site.anonymous.post(RULES, json={}, headers=site.bearer(role))
        assert answer.status_code == 403
    await make_workspace(site.store, "other")
    theirs = await site.store.access.scope("them", workspace_name="other")
    made = await rule(site, "x", "path", "a")
    assert (await site.store.redactions.all(theirs)).rules == ()
    with pytest.raises(NotFound):
        await site.store.redactions.remove(theirs, UUID(made["rules"][0]["id"]))


async def test_a_rule_is_tried_before_it_is_kept(database_url: str, tmp_path: Path) -> None:
    async with playing(database_url, tmp_path) as (live, known):
        await rule(live, "e-mail", "preset", "email")
        draft = {"name": "word", "kind": "pattern", "value": "canary-[a-z0-9]+"}
        url = "/api/v1/redaction/preview"
        tried = (await live.client.post(url, json={"rule": draft, "runId": known["failed"]})).json()
        parts = {(p["part"], p["nodeId"]): p["value"] for p in tried["parts"]}
        assert tried["masks"] == 2 and parts["inputs", None]["customer"] == {
            "secret": f"▒▒word:{len(WORD)}▒▒",
            "n": 7,
        }
        assert MAIL not in json.dumps(tried), "what holds already holds there too"
        newest = (await live.client.post(url, json={"rule": draft})).json()
        assert newest["runId"] == known["failed"]
        assert len((await live.client.get("/api/v1/redaction")).json()["rules"]) == 1
        bad = await live.client.post(url, json={"rule": {**draft, "value": "(?!x)"}})
        assert (bad.status_code, bad.json()["code"]) == (422, "bad-rule")

"""Runs over HTTP: starting, waiting for, looking at, filtering, cancelling, retrying."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event

from app.api.runs import preferred_wait
from runner.model import Graph, Role, TriggerInfo
from tests.factories import PUBLIC_URL, Site, make_graph, make_run, waiting_graph

BASE = "/api/v1/orchestrator"
RUN = {
    *(
        "id",
        "number",
        "orchestratorId",
        "orchestratorName",
        "revision",
        "status",
        "inputs",
        "output",
        "error",
    ),
    *("trigger", "labels", "correlationToken", "startedAt", "finishedAt", "createdDate", "updatedDate"),
    *("retryOf", "parentRunId", "keep", "archivedDate", "waiting"),
}
NODE = {
    *("id", "type", "label", "status", "attempt", "startedAt", "finishedAt", "input", "output", "error"),
    *("port", "remote", "reused", "attempts"),
}


async def saved(site: Site, graph: Graph, name: str = "Chain") -> str:
    answer = await site.client.post(BASE, json={"name": name, "definition": graph.to_json()})
    return answer.json()["id"]


async def ended(site: Site, run_id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            run = (await site.client.get(f"{BASE}/runs/{run_id}")).json()
            if run["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
                return run
            await asyncio.sleep(0.05)


async def parked(site: Site, run_id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            run = (await site.client.get(f"{BASE}/runs/{run_id}")).json()
            if run["waiting"]:
                return run
            await asyncio.sleep(0.05)


async def test_a_run_is_accepted_and_shown_in_one_round(site: Site) -> None:
    flow = await saved(site, make_graph("A>B"))
    answer = await site.client.post(
        f"{BASE}/{flow}/run", json={"inputs": {"n": 1}, "labels": {"team": "blue"}}
    )
    assert answer.status_code == 202
    run = answer.json()
    assert set(run) == RUN | {"nodes"} and all(set(node) == NODE for node in run["nodes"])
    assert (run["inputs"], run["labels"], run["correlationToken"]) == ({"n": 1}, {"team": "blue"}, None)
    assert (run["number"], run["revision"], run["orchestratorId"]) == (1, 1, flow)
    assert run["trigger"] == {"kind": "api", "by": "token:admin"}
    assert [node["id"] for node in run["nodes"]] == ["A", "B"]
    assert (await site.client.get(answer.headers["location"])).json() == run


async def test_a_run_may_start_without_a_body(site: Site) -> None:
    flow = await saved(site, make_graph("A"))
    answer = await site.client.post(f"{BASE}/{flow}/run")
    assert answer.status_code == 202 and answer.json()["inputs"] == {}


async def test_prefer_wait_answers_once_the_run_has_ended(live: Site) -> None:
    flow = await saved(live, make_graph("A>B"))
    answer = await live.client.post(f"{BASE}/{flow}/run", headers={"Prefer": "wait=20"})
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    run = answer.json()
    assert run["status"] == "COMPLETED" and {n["status"] for n in run["nodes"]} == {"COMPLETED"}
    assert run["nodes"][0]["attempts"][0]["attempt"] == 1
    assert run["startedAt"] <= run["finishedAt"]


async def test_prefer_wait_gives_up_with_202(site: Site) -> None:
    flow = await saved(site, make_graph("A"))
    for wait in ("0", "1"):
        answer = await site.client.post(f"{BASE}/{flow}/run", headers={"Prefer": f"wait={wait}"})
        assert answer.status_code == 202 and answer.json()["status"] != "COMPLETED"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("wait=5", 5),
        ("respond-async, wait=90", 60),
        ('WAIT="7"; x=1', 7),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait", None),
    ],
)
def test_prefer_is_read_leniently(header: str | None, seconds: int | None) -> None:
    assert preferred_wait(header) == seconds


async def test_one_idempotency_key_starts_one_run(site: Site) -> None:
    flow = await saved(site, make_graph("A"))
    headers = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(
        *(
            site.client.post(f"{BASE}/{flow}/run", json={"inputs": {"a": 1}}, headers=headers)
            for _ in range(8)
        )
    )
    assert {a.status_code for a in answers} == {202} and len({a.json()["id"] for a in answers}) == 1
    other = await site.client.post(f"{BASE}/{flow}/run", json={"inputs": {"a": 2}}, headers=headers)
    assert other.status_code == 409


async def test_a_waiting_run_shows_its_callback_to_those_who_operate(live: Site) -> None:
    flow = await saved(live, waiting_graph())
    run_id = (await live.client.post(f"{BASE}/{flow}/run")).json()["id"]
    run = await parked(live, run_id)
    assert run["status"] == "WAITING"
    (wait,) = run["waiting"]
    assert (wait["nodeId"], wait["kind"]) == ("wait", "callback") and wait["since"] < wait["until"]
    assert wait["callbackUrl"].startswith(f"{PUBLIC_URL}{BASE}/callback/{run_id}?token=bt_")
    for role, shown in ((Role.VIEWER, False), (Role.OPERATOR, True)):
        seen = await live.anonymous.get(f"{BASE}/runs/{run_id}", headers=live.bearer(role))
        assert bool(seen.json()["waiting"][0]["callbackUrl"]) is shown
    listed = (await live.client.get(f"{BASE}/runs", params={"status": "WAITING"})).json()["items"]
    assert listed[0]["waiting"][0]["callbackUrl"] is None
    url = wait["callbackUrl"].removeprefix(PUBLIC_URL)
    assert (await live.anonymous.post(url, json={"ok": True})).status_code == 202
    done = await ended(live, run_id)
    assert done["status"] == "COMPLETED" and done["nodes"][0]["output"] == {"ok": True}


async def test_the_list_filters_by_everything_it_says(site: Site) -> None:
    flow = await saved(site, make_graph("A"), "Nightly 100%")
    other = await saved(
        site, make_graph("A", kinds={"A": "RemoteWebhook"}, A={"provider": "n8n", "workflowId": "1"}), "Other"
    )
    first = (
        await site.client.post(f"{BASE}/{flow}/run", json={"labels": {"env": "prod", "a:b": "c"}})
    ).json()
    second = (await site.client.post(f"{BASE}/{flow}/run", json={"labels": {"env": "test"}})).json()
    third = (await site.client.post(f"{BASE}/{other}/run")).json()
    assert "id" in third, third
    await site.client.post(f"{BASE}/runs/{second['id']}/cancel")
    scope = await site.store.access.scope("someone")
    fourth = await site.store.runs.create(
        scope, UUID(flow), {}, trigger=TriggerInfo(kind="cli", by="someone")
    )

    async def ids(**params: Any) -> list[str]:
        answer = await site.client.get(f"{BASE}/runs", params=params)
        assert answer.status_code == 200, answer.text
        assert all(set(item) == RUN | {"steps"} for item in answer.json()["items"])
        return [item["id"] for item in answer.json()["items"]]

    everything = [str(fourth), third["id"], second["id"], first["id"]]
    assert await ids() == everything
    assert await ids(status="CANCELLED") == [second["id"]]
    assert await ids(status=["CANCELLED", "FAILED"]) == [second["id"]]
    assert await ids(orchestratorId=other) == [third["id"]]
    assert await ids(orchestratorId=str(uuid4())) == []
    assert await ids(orchestratorId=flow, revision=1) == [str(fourth), second["id"], first["id"]]
    assert await ids(orchestratorId=flow, revision=2) == []
    assert await ids(provider="n8n") == [third["id"]]
    assert await ids(trigger="cli") == [str(fourth)]
    assert await ids(label="env:prod") == [first["id"]]
    assert await ids(label=["env:prod", "env:test"]) in ([], [second["id"]])
    assert await ids(q="nightly 100%") == [str(fourth), second["id"], first["id"]]
    assert await ids(q="prod") == [first["id"]]
    assert await ids(q="#2") == [second["id"]]
    assert await ids(q=third["id"]) == [third["id"]]
    now = datetime.now(UTC)
    assert await ids(since=(now - timedelta(hours=1)).isoformat()) == everything
    assert await ids(since="2026-01-01") == await ids(since="2026-01-01T00:00:00Z") == everything
    unescaped = await site.client.get(f"{BASE}/runs?since=2026-01-01T00:00:00+02:00")
    assert unescaped.status_code == 200
    assert await ids(until=(now - timedelta(hours=1)).isoformat()) == []
    assert await ids(limit=1) == everything[:1]
    mine = (await site.client.get(f"{BASE}/{flow}/runs", params={"limit": 2})).json()
    assert [i["id"] for i in mine["items"]] == [str(fourth), second["id"]]
    rest = await site.client.get(f"{BASE}/{flow}/runs", params={"cursor": mine["nextCursor"]})
    assert [i["id"] for i in rest.json()["items"]] == [first["id"]]
    assert (await site.client.get(f"{BASE}/{uuid4()}/runs")).status_code == 404


async def test_a_filter_that_cannot_be_is_refused(site: Site) -> None:
    for query in (
        *("status=DONE", "label=x", "since=yesterday", "since=0001-01-01", "orchestratorId=x"),
        *("trigger=magic", "until=0001-01-01T00:00:00Z", "revision=0", "revision=x"),
    ):
        answer = await site.client.get(f"{BASE}/runs?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["pointer"].split("/")[1] == query.partition("=")[0]


async def test_the_log_pages_by_number_without_a_gap(live: Site) -> None:
    flow = await saved(live, make_graph("A>B>C>D"))
    run_id = (await live.client.post(f"{BASE}/{flow}/run", headers={"Prefer": "wait=20"})).json()["id"]
    lines: list[dict[str, Any]] = []
    cursor = None
    while True:
        params = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = (await live.client.get(f"{BASE}/runs/{run_id}/logs", params=params)).json()
        lines += page["items"]
        if (cursor := page["nextCursor"]) is None:
            break
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1)) and len(lines) > 4
    assert set(lines[0]) == {"seq", "at", "kind", "level", "nodeId", "source", "message", "data"}
    of_b = await live.client.get(f"{BASE}/runs/{run_id}/logs", params={"nodeId": "B"})
    assert {line["nodeId"] for line in of_b.json()["items"]} == {"B"}
    levels = await live.client.get(f"{BASE}/runs/{run_id}/logs", params={"level": ["error", "warning"]})
    assert levels.json()["items"] == [line for line in lines if line["level"] in ("error", "warning")]


async def test_cancel_is_idempotent_and_retry_makes_a_new_run(site: Site) -> None:
    flow = await saved(site, make_graph("A>B"))
    run = (await site.client.post(f"{BASE}/{flow}/run", json={"inputs": {"x": 1}})).json()
    early = await site.client.post(f"{BASE}/runs/{run['id']}/retry", json={"from": "start"})
    assert early.status_code == 409
    for _ in range(2):
        answer = await site.client.post(f"{BASE}/runs/{run['id']}/cancel")
        assert answer.status_code == 200 and answer.json()["status"] == "CANCELLED"
    again = await site.client.post(
        f"{BASE}/runs/{run['id']}/retry", json={"from": "start", "revision": "same"}
    )
    assert again.status_code == 202
    assert again.json()["retryOf"] == run["id"] and again.json()["inputs"] == {"x": 1}
    assert again.json()["trigger"]["kind"] == "retry"
    other = await site.client.post(
        f"{BASE}/runs/{run['id']}/retry", json={"from": "B", "revision": "latest", "inputs": {"x": 2}}
    )
    assert other.status_code == 202 and other.json()["inputs"] == {"x": 2}
    bad = await site.client.post(f"{BASE}/runs/{run['id']}/retry", json={"revision": "newest"})
    assert bad.status_code == 422 and bad.json()["errors"][0]["pointer"] == "/revision"
    assert (await site.client.post(f"{BASE}/runs/{uuid4()}/retry", json={})).status_code == 404


async def test_what_starts_a_run_is_data_only(site: Site) -> None:
    flow = await saved(site, make_graph("A"))
    bodies: tuple[tuple[Any, str], ...] = (
        ({"inputs": []}, "/inputs"),
        ({"labels": {"a": 1}}, "/labels/a"),
        *(({name: {}}, f"/{name}") for name in ("definition", "data", "graph", "nodes", "code")),
        ([], ""),
        ("", ""),
    )
    for body, pointer in bodies:
        answer = await site.client.post(f"{BASE}/{flow}/run", json=body)
        assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer


async def test_a_list_of_runs_costs_the_same_number_of_queries_whatever_its_length(site: Site) -> None:
    scope = await site.store.access.scope("test")
    counts = [0]

    found: list[int] = []

    def count(*_: object) -> None:
        counts[-1] += 1

    for engine in site.store.database.engines:
        event.listen(engine.sync_engine, "before_cursor_execute", count)
    for _ in range(2):
        for _ in range(3):
            await make_run(site.store)
        for page in (site.store.history.page, site.store.orchestrators.page):
            counts.append(0)
            assert await page(scope, limit=100)
            found.append(counts[-1])
    assert found[:2] == found[2:]


async def test_words_win_over_ids(site: Site) -> None:
    for word in ("runs", "providers", "connections", "kinds"):
        answer = await site.client.get(f"{BASE}/{word}")
        assert answer.status_code == 200 and "items" in answer.json()
    assert (await site.client.post(f"{BASE}/check", json={"definition": {}})).status_code == 200
    assert isinstance(site.client, httpx.AsyncClient)

"""Tests, plans and the shape of a drawing over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from runner.model import Graph, Role
from tests.app.test_runs import BASE, ended, saved
from tests.factories import Site, make_graph, make_workspace

CHAIN = make_graph(
    "a>b>c",
    a={"mappings": [{"from": "input.n", "to": "n"}]},
    b={"mappings": [{"from": "data.n", "to": "m"}]},
)


async def test_a_step_is_tested_and_told_beforehand(live: Site) -> None:
    made = await saved(live, CHAIN)
    test, plan = f"{BASE}/{made}/test", f"{BASE}/{made}/plan"
    ask = {"nodeId": "b", "mode": "node"}
    lacking = await live.client.post(test, json=ask)
    assert lacking.status_code == 409
    body = lacking.json()
    assert (body["code"], body["detail"]) == ("outputs-missing", "b needs the output of a")
    assert [p["nodeId"] for p in body["problems"]] == ["a"] and "pin data" in body["hint"]
    started = await live.client.post(f"{BASE}/{made}/run", json={"inputs": {"n": 4}})
    first = await ended(live, started.json()["id"])
    told = (await live.client.post(plan, json=ask)).json()
    assert told["summary"] == f"Will reuse 1 output from run {first['number']} and run b"
    assert [s["action"] for s in told["steps"]] == ["reuse", "run", "skip"]
    source = told["steps"][0]["from"]
    assert source == {"runId": first["id"], "number": first["number"], "at": source["at"]}
    answer = await live.client.post(test, json=ask)
    assert answer.status_code == 202 and answer.headers["location"].endswith(answer.json()["id"])
    run = await ended(live, answer.json()["id"])
    assert run["trigger"]["kind"] == "test" and run["inputs"] == {"n": 4}
    assert [n["status"] for n in run["nodes"]] == ["COMPLETED", "COMPLETED", "SKIPPED"]
    assert run["nodes"][1]["output"] == {"m": 4} and run["nodes"][0]["attempts"] == []
    listed = (await live.client.get(f"{BASE}/runs", params={"trigger": "test"})).json()
    assert [item["id"] for item in listed["items"]] == [run["id"]]
    refused = await live.client.post(f"{BASE}/runs/{run['id']}/retry", json={"from": "b"})
    assert (refused.status_code, refused.json()["code"]) == (409, "test-run")


async def test_a_plan_of_an_unsaved_drawing_and_of_a_whole_run(site: Site) -> None:
    made = await saved(site, make_graph("a>b"))
    draft = make_graph("a>b>w", kinds={"w": "RemoteWebhook"}, w={"url": "https://example.org/x"})
    answer = await site.client.post(f"{BASE}/{made}/plan", json={"definition": draft.to_json()})
    steps = answer.json()["steps"]
    assert [(s["action"], s["effect"]) for s in steps] == [
        ("run", "none"),
        ("run", "none"),
        ("call", "unsafe"),
    ]
    assert steps[2]["detail"] == "will call the webhook (POST) · w; starting it twice starts it twice"
    cycle = make_graph("a>b>a").to_json()
    circle = (await site.client.post(f"{BASE}/{made}/plan", json={"definition": cycle})).json()
    assert circle["steps"] == [] and circle["problems"][0]["code"] == "cycle"
    nodeless = await site.client.post(f"{BASE}/{made}/plan", json={"mode": "node"})
    assert nodeless.status_code == 422
    unknown = await site.client.post(f"{BASE}/{made}/plan", json={"mode": "node", "nodeId": "x"})
    assert unknown.status_code == 404


async def test_the_plan_of_a_retry(live: Site) -> None:
    made = await saved(live, make_graph("a>b"))
    first = await ended(live, (await live.client.post(f"{BASE}/{made}/run", json={})).json()["id"])
    address = f"{BASE}/runs/{first['id']}/retry/plan"
    told = (await live.client.post(address, json={"from": "b", "revision": "same"})).json()
    assert [s["action"] for s in told["steps"]] == ["reuse", "run"]
    nothing = await live.client.post(address, json={"from": "failed"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing-failed")


async def test_inputs_are_checked_where_there_is_a_schema(site: Site) -> None:
    schema: Any = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    graph = Graph.model_validate({**make_graph("a").to_json(), "inputSchema": schema})
    made = await saved(site, graph)
    assert (await site.client.get(f"{BASE}/{made}")).json()["definition"]["inputSchema"] == schema
    bad = await site.client.post(f"{BASE}/{made}/run", json={"inputs": {"n": "x"}})
    assert (bad.status_code, bad.json()["code"]) == (422, "inputs-invalid")
    assert [e["pointer"] for e in bad.json()["errors"]] == ["/inputs/n"]
    assert (await site.client.post(f"{BASE}/{made}/run", json={"inputs": {"n": 1}})).status_code == 202
    broken = {**make_graph("a").to_json(), "inputSchema": {"type": 5}}
    checked = (await site.client.post(f"{BASE}/check", json={"definition": broken})).json()
    assert checked["runnable"] is False and checked["problems"][0]["field"] == "inputSchema"


async def test_one_key_tests_once(site: Site) -> None:
    made = await saved(site, make_graph("a"))
    answers = await asyncio.gather(
        *(
            site.client.post(
                f"{BASE}/{made}/test",
                json={"nodeId": "a", "mode": "node"},
                headers={"Idempotency-Key": "one"},
            )
            for _ in range(8)
        )
    )
    assert {a.status_code for a in answers} == {202} and len({a.json()["id"] for a in answers}) == 1


async def test_who_may_test_and_what_strangers_see(site: Site) -> None:
    made = await saved(site, make_graph("a"))
    ask = {"nodeId": "a", "mode": "node"}
    viewer = site.bearer(Role.VIEWER)
    assert (await site.client.post(f"{BASE}/{made}/test", json=ask, headers=viewer)).status_code == 403
    assert (await site.client.post(f"{BASE}/{made}/plan", json=ask, headers=viewer)).status_code == 200
    await make_workspace(site.store, "other")
    token = await site.store.access.create_token("stranger", Role.ADMIN, workspace_name="other")
    stranger = {"Authorization": f"Bearer {token}"}
    for path, body in (("test", ask), ("plan", ask)):
        answer = await site.client.post(f"{BASE}/{made}/{path}", json=body, headers=stranger)
        assert answer.status_code == 404
    assert (await site.client.get(f"{BASE}/{made}/graph", headers=stranger)).status_code == 404
    gone = await site.client.post(f"{BASE}/runs/{uuid4()}/retry/plan", json={}, headers=stranger)
    assert gone.status_code == 404


async def test_the_shape_of_a_drawing(site: Site) -> None:
    graph = make_graph("a>b, a>c, b>d, c>d, d>e")
    asked = await site.client.post(f"{BASE}/graph", json={"definition": graph.to_json(), "nodeId": "d"})
    shape = asked.json()
    assert shape["upstream"] == ["a", "b", "c"] and shape["downstream"] == ["e"]
    assert shape["levels"] == [["a"], ["b", "c"], ["d"], ["e"]]
    assert (shape["roots"], shape["leaves"], shape["branches"]) == (["a"], ["e"], ["a"])
    assert len(shape["criticalPath"]) == 4
    made = await saved(site, graph)
    same = await site.client.get(f"{BASE}/{made}/graph", params={"nodeId": "d"})
    assert same.json() == shape
    assert (await site.client.get(f"{BASE}/{made}/graph", params={"nodeId": "x"})).status_code == 404
    circle = {"definition": make_graph("a>b>a").to_json(), "nodeId": "a"}
    turned = (await site.client.post(f"{BASE}/graph", json=circle)).json()
    assert turned["levels"] == [] and turned["upstream"] == ["b"]

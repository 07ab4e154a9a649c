"""Recorded mode: a run is repeated from what it recorded, and a receiver on a real socket counts that nobody is called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from runner.model import Graph
from runner.node import catalogue
from tests.app.test_runs import BASE, ended, parked, saved
from tests.factories import Site, make_graph, site_on
from tests.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """With an engine that may call this machine."""
    async with site_on(
        database_url, tmp_path, engine=True, egress_allow=(ip_network("127.0.0.0/8"),)
    ) as found:
        yield found


async def start(site: Site, flow: str, **inputs: Any) -> str:
    return (await site.client.post(f"{BASE}/{flow}/run", json={"inputs": inputs})).json()["id"]


async def again(site: Site, run_id: str, **body: Any) -> dict[str, Any]:
    answer = await site.client.post(f"{BASE}/runs/{run_id}/retry", json={"recorded": True, **body})
    assert answer.status_code == 202, answer.text
    return await ended(site, answer.json()["id"])


async def planned(site: Site, run_id: str, **body: Any) -> dict[str, Any]:
    answer = await site.client.post(f"{BASE}/runs/{run_id}/retry/plan", json={"recorded": True, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def save_again(site: Site, flow: str, graph: Graph) -> None:
    body = {"name": "Chain", "definition": graph.to_json()}
    answer = await site.client.put(f"{BASE}/{flow}", json=body)
    assert answer.status_code == 200, answer.text


def nodes(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in run["nodes"]}


def chain(url: str, last: str = "nodes.wait.output.answer") -> Graph:
    return make_graph(
        "map>call>wait>end",
        kinds={"call": "RemoteWebhook", "wait": "WaitForCallback"},
        map={"mappings": [{"from": "input.n", "to": "n"}]},
        call={"url": url, "retryAttempts": 0},
        end={"mappings": [{"from": last, "to": "told"}, {"from": "nodes.map.output.n", "to": "n"}]},
    )


async def test_calls_and_waits_are_taken_and_the_rest_really_runs(here: Site, receiver: Receiver) -> None:
    flow = await saved(here, chain(f"{receiver.url}/ok"))
    first = await start(here, flow, n=1)
    address = (await parked(here, first))["waiting"][0]["callbackUrl"]
    path = address.removeprefix("https://").partition("/")[2]
    await here.anonymous.post(f"/{path}", json={"answer": 7})
    old = await ended(here, first)
    assert old["output"] == {"told": 7, "n": 1} and len(receiver.got) == 1
    await save_again(here, flow, chain(f"{receiver.url}/ok", "nodes.call.output.echo.n"))
    plan = await planned(here, first, revision="latest")
    assert [s["action"] for s in plan["steps"]] == ["run", "recorded", "recorded", "run"]
    assert plan["summary"] == (
        f"Will take 2 recorded outcomes of run {old['number']} and run 2 steps here; nobody is called"
    )
    assert plan["problems"] == [] and {s["effect"] for s in plan["steps"]} == {"none"}
    run = await again(here, first, revision="latest", inputs={"n": 5})
    assert (run["status"], run["retryOf"], run["revision"]) == ("COMPLETED", first, 2)
    assert run["trigger"]["kind"] == "recorded"
    assert run["output"] == {"told": 1, "n": 5}, "local steps run anew, by the revision of now"
    found = nodes(run)
    assert found["call"]["output"] == nodes(old)["call"]["output"]
    assert found["wait"]["output"] == {"answer": 7}
    assert {n: node["reused"] for n, node in found.items()} == {
        "map": False,
        "call": True,
        "wait": True,
        "end": False,
    }
    assert [a["exchanges"] for a in found["call"]["attempts"]] == [[]] and found["call"]["remote"] is None
    assert len(receiver.got) == 1, "nobody was called"
    waits = (await here.client.get(f"{BASE}/runs/{run['id']}/callbacks")).json()
    assert waits["items"] == [], "nor does anything wait for a call"
    lines = (await here.client.get(f"{BASE}/runs/{run['id']}/logs")).json()["items"]
    told = f"took the output that run {old['number']} recorded; nobody was called"
    assert [line["nodeId"] for line in lines if line["message"] == told] == ["call", "wait"]
    listed = (await here.client.get(f"{BASE}/runs", params={"trigger": "recorded"})).json()["items"]
    assert [each["id"] for each in listed] == [run["id"]]
    acts = (await here.client.get("/api/v1/audit", params={"objectId": run["id"]})).json()["items"]
    assert [act["action"] for act in acts] == ["run.retried"]


async def test_what_was_not_recorded_fails_and_is_told_beforehand(here: Site, receiver: Receiver) -> None:
    graph = make_graph(
        "gate:true>yes, gate:false>no",
        kinds={"gate": "Condition", "yes": "RemoteWebhook", "no": "RemoteWebhook"},
        gate={"expression": "{{ input.n > 0 }}"},
        yes={"url": f"{receiver.url}/ok"},
        no={"url": f"{receiver.url}/ok"},
    )
    first = await start(here, await saved(here, graph), n=1)
    old = await ended(here, first)
    assert (old["status"], len(receiver.got)) == ("COMPLETED", 1)
    plan = await planned(here, first)
    steps = {step["nodeId"]: step for step in plan["steps"]}
    assert (steps["yes"]["action"], steps["no"]["action"]) == ("recorded", "missing")
    assert (
        steps["no"]["detail"] == f"run {old['number']} did not come to it: it fails if this run comes to it"
    )
    assert plan["summary"].endswith("nobody is called. Nothing is recorded of no") and not plan["problems"]
    same = await again(here, first)
    assert same["status"] == "COMPLETED", "it goes the way it went"
    other = await again(here, first, inputs={"n": -1})
    assert (other["status"], other["error"]["nodeId"], other["error"]["code"]) == (
        "FAILED",
        "no",
        "not-recorded",
    )
    assert "calls nobody" in other["error"]["message"] and other["error"]["hint"]
    letters = (await here.client.get(f"{BASE}/dead-letters")).json()["items"]
    assert letters == [], "it can be repeated as often as one likes"
    from_it = await planned(here, other["id"], **{"from": "failed"})
    assert [s["action"] for s in from_it["steps"] if s["nodeId"] == "no"] == ["missing"], "it is no outcome"
    assert len(receiver.got) == 1


async def test_a_recorded_failure_is_taken_and_its_dead_letter_stays(here: Site, receiver: Receiver) -> None:
    def failing(wires: str, **more: str) -> Graph:
        call = {"url": f"{receiver.url}/status/500", "retryAttempts": 0, **more}
        return make_graph(wires, kinds={"call": "RemoteWebhook"}, call=call)

    flow = await saved(here, failing("call>mend"))
    first = await start(here, flow)
    old = await ended(here, first)
    assert (old["status"], len(receiver.got)) == ("FAILED", 1)
    same = await again(here, first, **{"from": "failed"})
    assert (same["status"], same["error"]["code"]) == ("FAILED", old["error"]["code"])
    assert same["error"]["message"] == old["error"]["message"]
    await save_again(here, flow, failing("call:error>mend", onError="route"))
    mended = await again(here, first, revision="latest")
    assert mended["status"] == "COMPLETED" and nodes(mended)["mend"]["status"] == "COMPLETED"
    assert nodes(mended)["call"]["status"] == "FAILED" and nodes(mended)["call"]["port"] == "error"
    letters = (await here.client.get(f"{BASE}/dead-letters")).json()["items"]
    assert [(each["runId"], each["state"]) for each in letters] == [(first, "open")], "still to be done"
    assert len(receiver.got) == 1


async def test_a_flow_is_not_started_and_a_recorded_run_can_be_repeated_for_real(
    here: Site, receiver: Receiver
) -> None:
    inner = await saved(
        here, make_graph("call", type="RemoteWebhook", call={"url": f"{receiver.url}/ok"}), "Inner"
    )
    kinds = {"flow": "LocalFlow", "off": "RemoteWebhook"}
    outer = make_graph("flow>off>end", kinds=kinds, flow={"flowId": inner}, off={"url": receiver.url})
    drawn: Any = outer.to_json()
    drawn["nodes"][1]["data"]["disabled"] = True
    flow = await saved(here, Graph.model_validate(drawn), "Outer")
    first = await start(here, flow)
    assert (await ended(here, first))["status"] == "COMPLETED" and len(receiver.got) == 1
    run = await again(here, first)
    assert (run["status"], nodes(run)["off"]["reused"]) == ("COMPLETED", False)
    inner_runs = (await here.client.get(f"{BASE}/{inner}/runs")).json()["items"]
    assert len(inner_runs) == 1, "no other run was started"
    twice = await again(here, run["id"])
    assert twice["status"] == "COMPLETED" and nodes(twice)["flow"]["output"] == nodes(run)["flow"]["output"]
    assert len(receiver.got) == 1
    real = await here.client.post(f"{BASE}/runs/{run['id']}/retry", json={"from": "start"})
    assert (await ended(here, real.json()["id"]))["status"] == "COMPLETED" and len(receiver.got) == 2


async def test_one_key_is_one_wish(here: Site) -> None:
    first = await start(here, await saved(here, make_graph("a")))
    await ended(here, first)
    key, address = {"Idempotency-Key": "one"}, f"{BASE}/runs/{first}/retry"
    made = [await here.client.post(address, json={"recorded": True}, headers=key) for _ in range(2)]
    assert made[0].json()["id"] == made[1].json()["id"]
    plain = await here.client.post(address, json={}, headers=key)
    assert (plain.status_code, plain.json()["code"]) == (409, "idempotency-key-reused")


def test_only_kinds_that_say_so_really_run() -> None:
    assert {name for name, kind in catalogue().items() if not kind.outside} == {
        "Condition",
        "DataMapper",
        "Delay",
    }

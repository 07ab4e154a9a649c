"""The main job, through the HTTP API on a real socket: a real n8n and a real Airflow in one chain."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from providers import JsonObject
from runner.model import Role
from tests.factories import open_store, settings_for
from tests.live.following import DEADLINE, eventually
from tests.live.platforms import Client
from tests.live.platforms._server import free_ports
from tests.live.platforms.airflow import AirflowPeer
from tests.live.platforms.n8n import N8nPeer
from tests.serving import served

API = "/api/v1/orchestrator"
POLL = {"pollingInterval": 200, "maxPollingAttempts": 500}
Config = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Baton:
    """The product with both platforms connected. Everything goes through its API."""

    client: httpx.AsyncClient
    n8n: N8nPeer
    airflow: AirflowPeer

    async def call(self, method: str, path: str, body: object = None, status: int = 200, **query: Any) -> Any:
        answer = await self.client.request(method, API + path, json=body, params=query)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def on_n8n(self, name: str, **config: Any) -> Config:
        return "RemoteWebhook", {
            "provider": "n8n",
            "workflowId": self.n8n.workflows[name].id,
            **POLL,
            **config,
        }

    def on_airflow(self, dag: str, **config: Any) -> Config:
        return "RemoteWebhook", {"provider": "airflow", "workflowId": dag, **POLL, **config}

    async def start(self, nodes: dict[str, Config], *wires: str, inputs: dict[str, Any] | None = None) -> str:
        """The id of a run of this drawing. `wires` are "a>b" or "a:port>b"."""
        made = await self.call("POST", "", {"name": "live", "definition": drawing(nodes, wires)}, 201)
        assert made["problems"] == []
        run = await self.call("POST", f"/{made['id']}/run", {"inputs": inputs or {}}, 202)
        return run["id"]

    async def run(self, run_id: str) -> Any:
        return await self.call("GET", f"/runs/{run_id}")

    async def node(self, run_id: str, node_id: str) -> Any:
        return node_of(await self.run(run_id), node_id)

    async def ended(self, run_id: str) -> Any:
        async def over() -> Any:
            run = await self.run(run_id)
            return run if run["status"] in ("COMPLETED", "FAILED", "CANCELLED") else None

        return await eventually(over)

    async def reached(self, run_id: str, node_id: str, *states: str) -> Any:
        """The node, once it is in one of these states."""

        async def there() -> Any:
            node = await self.node(run_id, node_id)
            return node if node["status"] in states else None

        return await eventually(there)

    async def logs(self, run_id: str, **query: Any) -> list[Any]:
        lines: list[Any] = []
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = await self.call("GET", f"/runs/{run_id}/logs", None, 200, limit=200, **more, **query)
            lines += page["items"]
            if (cursor := page["nextCursor"]) is None:
                return lines


def node_of(run: Any, node_id: str) -> Any:
    return next(node for node in run["nodes"] if node["id"] == node_id)


def drawing(nodes: dict[str, Config], wires: tuple[str, ...]) -> dict[str, Any]:
    edges: list[dict[str, str]] = []
    for wire in wires:
        source, target = wire.split(">")
        source, _, port = source.partition(":")
        edges.append({"id": wire, "source": source, "target": target, "sourceHandle": port or "out"})
    drawn = [
        {
            "id": node_id,
            "type": kind,
            "position": {"x": 0, "y": 0},
            "data": {"label": node_id, "config": config},
        }
        for node_id, (kind, config) in nodes.items()
    ]
    return {"version": 1, "nodes": drawn, "edges": edges}


def mapper(**mappings: str) -> Config:
    return "DataMapper", {"mappings": [{"from": source, "to": to} for to, source in mappings.items()]}


@pytest.fixture
async def baton(
    n8n: N8nPeer,
    airflow: AirflowPeer,
    n8n_credentials: JsonObject,
    airflow_credentials: JsonObject,
    database_url: str,
    tmp_path: Path,
) -> AsyncGenerator[Baton]:
    """Web and engine as `baton serve` runs them, on the address that callbacks go to."""
    (port,) = free_ports(1)
    settings = settings_for(database_url, tmp_path, public_url=f"http://127.0.0.1:{port}")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(database_url))
        url = await stack.enter_async_context(served(create_app(settings), port=port))
        token = await store.access.create_token("live", Role.ADMIN)
        headers = {"Authorization": f"Bearer {token}"}
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=DEADLINE)
        )
        made = Baton(client, n8n, airflow)
        for provider, credentials in (("n8n", n8n_credentials), ("airflow", airflow_credentials)):
            body = {"name": provider, "credentials": credentials, "allowPrivateNetwork": True}
            connected = await made.call("POST", f"/providers/{provider}/connect", body, 201)
            assert connected["status"] == "ACTIVE"
        yield made


async def test_both_are_connected_listed_and_drawn(
    baton: Baton, n8n_credentials: JsonObject, airflow_credentials: JsonObject
) -> None:
    refused = await baton.call(
        "POST", "/providers/n8n/connect", {"name": "closed", "credentials": n8n_credentials}, 422
    )
    assert "private" in refused["detail"].lower() or "private" in refused["hint"].lower()
    secrets = [str(n8n_credentials["apiKey"]), str(airflow_credentials["password"])]
    for provider, count in (("n8n", len(baton.n8n.workflows)), ("airflow", len(baton.airflow.dags))):
        connections = (await baton.call("GET", "/connections"))["items"]
        (connection,) = [found for found in connections if found["provider"] == provider]
        assert (connection["status"], connection["workflows"]) == ("ACTIVE", count)
        assert not any(secret in str(connection) for secret in secrets)
        tested = await baton.call(
            "POST", f"/providers/{provider}/test", {"connectionId": connection["id"]}, 200
        )
        assert (tested["ok"], tested["workflows"], tested["problem"]) == (True, count, None)
        page = await baton.call("GET", f"/providers/{provider}/workflows", None, 200, limit=200)
        assert (len(page["items"]), page["nextCursor"], page["stale"]) == (count, None, False)
        for flow in page["items"]:
            preview = await baton.call("GET", f"/providers/{provider}/workflows/{flow['id']}/preview")
            assert preview["workflow"]["name"] == flow["name"] and preview["nodes"]
    flows = (await baton.call("GET", "/providers/n8n/workflows", None, 200, q="schedule-only"))["items"]
    assert (flows[0]["executable"], flows[0]["trigger"]["kind"]) == (False, "schedule")
    assert flows[0]["reason"].startswith("Nothing outside n8n can start it: n8n's own clock starts it.")


async def test_the_chain_ends_with_its_result(baton: Baton) -> None:
    body = (
        '{"callbackUrl": "{{ callback.url }}", "token": "{{ callback.token }}", '
        '"numbers": {{ data.echo.numbers | tojson }}, "delaySeconds": 0.5}'
    )
    run_id = await baton.start(
        {
            "greet": baton.on_n8n("sync-answer"),
            "map": mapper(numbers="data.received.numbers", who="data.greeting"),
            "sum": baton.on_airflow("quick_conf"),
            "large": ("Condition", {"rules": [{"left": "data.sum", "operator": "greater", "right": 41}]}),
            "report": baton.on_n8n("async-callback", bodyTemplate=body),
            "wait": ("WaitForCallback", {"timeout": 120_000}),
            "end": mapper(total="data.result.sum", count="data.result.count", who="nodes.map.output.who"),
            "small": mapper(total="data.sum"),
        },
        *("greet>map", "map>sum", "sum>large", "large:true>report", "large:false>small"),
        *("report>wait", "wait>end"),
        inputs={"name": "Ada", "numbers": [1, 2, 39]},
    )
    run = await baton.ended(run_id)
    assert (run["status"], run["error"]) == ("COMPLETED", None), await baton.logs(run_id)
    assert run["output"] == {"end": {"total": 42, "count": 3, "who": "hello Ada"}}, (
        "the drawing has two leaves"
    )
    states = {node["id"]: node["status"] for node in run["nodes"]}
    assert states == dict.fromkeys(states, "COMPLETED") | {"small": "SKIPPED"}
    for node_id, provider, workflow in (
        ("greet", "n8n", "sync-answer"),
        ("report", "n8n", "async-callback"),
        ("sum", "airflow", "quick_conf"),
    ):
        remote = node_of(run, node_id)["remote"]
        wanted = baton.n8n.workflows[workflow].id if provider == "n8n" else workflow
        assert (remote["provider"], remote["workflowId"], remote["match"]) == (provider, wanted, "exact")
        base = baton.n8n.base_url if provider == "n8n" else baton.airflow.base_url
        assert remote["executionId"] and remote["url"].startswith(base)
        assert remote["executionId"] in remote["url"]
        assert remote["connectionId"]
    assert node_of(run, "sum")["output"] == {
        "echo": {"numbers": [1, 2, 39], "who": "hello Ada"},
        "sum": 42,
    }
    # The callback names the very execution that the node was tied to.
    assert node_of(run, "wait")["output"]["executionId"] == node_of(run, "report")["remote"]["executionId"]
    sent = node_of(run, "report")["attempts"][0]
    assert sent["request"]["method"] == "POST" and sent["response"]["status"] == 200
    assert "token=" not in str(run).replace("token=***", "")
    assert any(line["source"] == "airflow" for line in await baton.logs(run_id, nodeId="sum"))


async def test_each_try_of_a_task_stands_in_our_log(baton: Baton) -> None:
    run_id = await baton.start({"flaky": baton.on_airflow("flaky_retry")})
    run = await baton.ended(run_id)
    assert (run["status"], run["output"]) == ("COMPLETED", {"attempt": 3})
    theirs = [line for line in await baton.logs(run_id, nodeId="flaky") if line["source"] == "airflow"]
    for attempt in (1, 2):
        lines = [line for line in theirs if line["data"]["attempt"] == attempt]
        assert {line["data"]["task"] for line in lines} == {"flaky"}
        said = [line["message"] for line in lines]
        assert said.count(f"try {attempt}: upstream-{attempt} does not answer") == 1
        assert said.count(f"ConnectionError: try {attempt}: connection refused by upstream-{attempt}") == 1
        assert "error" in {line["level"] for line in lines}
    assert "try 3: recovered" in [line["message"] for line in theirs if line["data"]["attempt"] == 3]


@pytest.mark.parametrize("name", ["failing", "async-failing"])
async def test_a_failing_workflow_s_own_error_is_our_run_s_error(baton: Baton, name: str) -> None:
    run = await baton.ended(await baton.start({"boom": baton.on_n8n(name)}))
    words = {"failing": "boom: live", "async-failing": "boom: accepted"}[name]
    assert (run["status"], run["error"]["nodeId"]) == ("FAILED", "boom")
    assert run["error"]["message"] == f"n8n says it failed in Boom: {words}"
    assert run["error"]["cause"]["message"] == words
    node = node_of(run, "boom")
    assert (node["status"], node["remote"]["match"]) == ("FAILED", "exact")
    assert node["attempt"] == 1, "what may have run is not run again"


async def test_a_failing_task_s_own_error_is_our_run_s_error(baton: Baton) -> None:
    run = await baton.ended(await baton.start({"fail": baton.on_airflow("always_fail")}))
    assert run["status"] == "FAILED"
    assert "ValueError: bad input: field 'amount' is missing" in run["error"]["message"]


async def test_what_cannot_be_started_says_why(baton: Baton) -> None:
    run = await baton.ended(await baton.start({"night": baton.on_n8n("schedule-only")}))
    assert run["status"] == "FAILED"
    assert "n8n's own clock starts it" in run["error"]["message"]
    run = await baton.ended(
        await baton.start({"typed": baton.on_airflow("typed_params")}, inputs={"limit": 101})
    )
    assert run["status"] == "FAILED"
    assert "greater than the maximum" in run["error"]["message"]


async def test_queued_runs_are_shown_and_handled(baton: Baton, airflow_client: Client) -> None:
    async def theirs(run: Any) -> Any:
        """Airflow's own record of the run that the node stands for."""
        run_id = node_of(run, "slow")["remote"]["executionId"]
        path = f"/dags/serial_slow/dagRuns/{run_id}"
        return await asyncio.to_thread(airflow_client.need, "GET", path)

    first = await baton.start({"slow": baton.on_airflow("serial_slow")}, inputs={"seconds": 80})
    await baton.reached(first, "slow", "RUNNING")

    async def held() -> bool:
        run = await baton.run(first)
        return bool(node_of(run, "slow")["remote"]) and (await theirs(run))["state"] == "running"

    await eventually(held)
    queued: dict[str, str] = {}
    for choice in ("skip", "cancel", "wait"):
        config = {"queueTimeout": 1500, "whenQueued": choice}
        queued[choice] = await baton.start(
            {"slow": baton.on_airflow("serial_slow", **config), "next": mapper(left="data.skipped")},
            "slow>next",
            inputs={"seconds": 0},
        )
    queued["patient"] = await baton.start({"slow": baton.on_airflow("serial_slow")}, inputs={"seconds": 0})
    for run_id in queued.values():
        await baton.reached(run_id, "slow", "QUEUED")

    skipped = await baton.ended(queued["skip"])
    assert (skipped["status"], skipped["output"]) == ("COMPLETED", {"left": True})
    assert (await theirs(skipped))["state"] == "failed"
    cancelled = await baton.ended(queued["cancel"])
    assert (cancelled["status"], cancelled["error"]["code"]) == ("FAILED", "queue-timeout")
    assert (await theirs(cancelled))["state"] == "failed"
    waited = await baton.ended(queued["wait"])
    assert node_of(waited, "slow")["status"] == "TIMED_OUT"
    assert waited["error"]["code"] == "queue-timeout"
    assert "The DAG runs at most 1 at a time" in waited["error"]["message"]
    assert (await theirs(waited))["state"] == "queued"
    said = [line["message"] for line in await baton.logs(queued["patient"])]
    assert any(line.startswith("queued on Apache Airflow: The DAG runs at most 1") for line in said)
    assert (await baton.node(queued["patient"], "slow"))["status"] == "QUEUED"

    stopped = await baton.call("POST", f"/runs/{first}/cancel", {})
    assert stopped["status"] == "CANCELLED"

    async def gone() -> bool:
        record = await theirs(await baton.run(first))
        return (record["state"], record["note"]) == ("failed", "Cancelled by Baton")

    await eventually(gone)

    async def told() -> bool:
        lines = await baton.logs(first)
        return any(
            "until its next heartbeat" in line["message"] for line in lines if line["source"] == "airflow"
        )

    await eventually(told)
    patient = await baton.ended(queued["patient"])  # its turn has come
    assert (patient["status"], patient["output"]) == ("COMPLETED", {"slept": 0.0})


async def test_cancelling_our_run_stops_the_execution_in_n8n(baton: Baton) -> None:
    run_id = await baton.start({"long": baton.on_n8n("async-accepted")}, inputs={"delaySeconds": 300})
    node = await baton.reached(run_id, "long", "WAITING")
    await baton.call("POST", f"/runs/{run_id}/cancel", {})
    where = f"{baton.n8n.base_url}/api/v1/executions/{node['remote']['executionId']}"

    async def stopped() -> bool:
        answer = await baton.client.get(where, headers={"X-N8N-API-KEY": baton.n8n.api_key})
        return answer.json()["status"] == "canceled"

    await eventually(stopped)
    assert (await baton.run(run_id))["status"] == "CANCELLED"


async def test_no_secret_is_shown(
    baton: Baton, n8n_credentials: JsonObject, airflow_credentials: JsonObject
) -> None:
    """n8n repeats the headers of our call inside the execution's data, and Airflow hands out a token of its own."""
    run_id = await baton.start(
        {"guarded": baton.on_n8n("header-auth"), "sum": baton.on_airflow("quick_conf")},
        "guarded>sum",
        inputs={"numbers": [1]},
    )
    run = await baton.ended(run_id)
    assert run["status"] == "COMPLETED"
    shown = json.dumps([run, await baton.logs(run_id), await baton.call("GET", "/connections")])
    secrets = [str(n8n_credentials["apiKey"]), str(airflow_credentials["password"]), baton.n8n.header_auth[1]]
    assert not [secret for secret in secrets if secret in shown]
    # The login stands in the history, without the token it brought (RFC 7519: two parts of JSON, each beginning so, and a signature;
    # one such part alone may be a cursor of n8n's).
    assert "/auth/token" in shown and not re.search(r"eyJ[\w-]+\.eyJ", shown)

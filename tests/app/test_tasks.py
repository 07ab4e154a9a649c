"""The steps inside an execution over HTTP: asked of the platform, kept for a while, and never a 5xx for its silence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.sandbox import connect_sandbox
from providers import JsonObject, discover
from providers.sandbox.airflow import AirflowSandbox
from providers.sandbox.make import MakeSandbox
from runner.model import Graph, Role
from tests.app.test_runs import BASE, ended, saved
from tests.factories import Site, make_graph, waiting_graph
from tests.serving import served


@pytest.fixture
def server() -> AirflowSandbox:
    return AirflowSandbox(time_scale=0.02)


@pytest_asyncio.fixture
async def platforms(live: Site, server: AirflowSandbox) -> AsyncIterator[dict[str, str]]:
    """Ids of connections to a sandbox Airflow and a sandbox Make."""
    make = MakeSandbox(time_scale=0.02)
    async with served(server) as airflow_url, served(make) as make_url:
        scope = await live.store.access.scope("test")
        credentials: dict[str, JsonObject] = {
            "airflow": server.connection(airflow_url),
            "make": make.connection(make_url),
        }
        rows = await connect_sandbox(live.store, discover(), scope, credentials)
        yield {name: str(row.id) for name, row in rows.items()}
        await make.aclose()
        await server.aclose()


def remote(connection: str, provider: str, workflow: str) -> Graph:
    config = {
        "provider": provider,
        "connectionId": connection,
        "workflowId": workflow,
        "pollingInterval": 50,
        "maxPollingAttempts": 200,
        "retryAttempts": 0,
    }
    return make_graph("call>after", kinds={"call": "RemoteWebhook"}, call=config)


async def run(site: Site, graph: Graph) -> dict[str, Any]:
    flow = await saved(site, graph)
    return await ended(site, (await site.client.post(f"{BASE}/{flow}/run")).json()["id"])


async def tasks(site: Site, run_id: str, node: str = "call") -> dict[str, Any]:
    answer = await site.client.get(f"{BASE}/runs/{run_id}/nodes/{node}/tasks")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_tries_of_remote_tasks_are_told_and_kept(
    live: Site, server: AirflowSandbox, platforms: dict[str, str]
) -> None:
    made = await run(live, remote(platforms["airflow"], "airflow", "flaky_retry"))
    found = await tasks(live, made["id"])
    assert (found["reason"], found["problem"]) == (None, None)
    assert [(task["label"], task["attempt"], task["state"]) for task in found["items"]] == [
        ("prepare", 1, "COMPLETED"),
        ("flaky", 1, "FAILED"),
        ("flaky", 2, "FAILED"),
        ("flaky", 3, "COMPLETED"),
        ("finish", 1, "COMPLETED"),
    ]
    assert set(found["items"][0]) == {
        *("id", "label", "state", "raw", "attempt", "queuedAt", "startedAt", "finishedAt", "url")
    }
    calls = len(server.calls)
    assert await tasks(live, made["id"]) == found
    assert len(server.calls) == calls, "an ended execution is not asked about twice"
    answer = await live.anonymous.get(
        f"{BASE}/runs/{made['id']}/nodes/call/tasks", headers=live.bearer(Role.VIEWER)
    )
    assert answer.status_code == 200


async def test_a_platform_that_does_not_answer_is_a_problem_and_asked_again(
    live: Site, server: AirflowSandbox, platforms: dict[str, str]
) -> None:
    made = await run(live, remote(platforms["airflow"], "airflow", "quick_conf"))
    kept, server.runs = server.runs, []
    found = await tasks(live, made["id"])
    assert found["items"] == [] and found["problem"]["code"] == "not-found"
    server.runs = kept
    await live.client.patch(f"{BASE}/connections/{platforms['airflow']}", json={"status": "INACTIVE"})
    other = await run(live, remote(platforms["airflow"], "airflow", "quick_conf"))
    assert other["status"] == "FAILED"
    assert (await tasks(live, other["id"]))["reason"] == "This step called no platform."


async def test_leaving_the_queue_is_a_line_of_its_own(live: Site, platforms: dict[str, str]) -> None:
    flow = await saved(live, remote(platforms["airflow"], "airflow", "serial_slow"))
    started = await live.client.post(f"{BASE}/{flow}/run", json={"inputs": {"seconds": 120}})
    run_id = started.json()["id"]
    await ended(live, run_id)
    lines = (await live.client.get(f"{BASE}/runs/{run_id}/logs?nodeId=call")).json()["items"]
    kinds = [line["kind"] for line in lines if line["kind"] != "log"]
    assert kinds == ["node.started", "node.queued", "node.running", "node.completed"]


async def test_nodes_without_steps_say_why(live: Site, platforms: dict[str, str]) -> None:
    made = await run(live, remote(platforms["make"], "make", "102"))
    assert (await tasks(live, made["id"]))["reason"] == "Make does not tell the steps of an execution."
    assert (await tasks(live, made["id"], "after"))["reason"] == "This step called no platform."
    flow = await saved(live, waiting_graph(timeout=60_000))
    waiting = (await live.client.post(f"{BASE}/{flow}/run")).json()["id"]
    assert (await tasks(live, waiting, "wait"))["reason"] == "This step has called no platform yet."


async def test_what_is_not_there_or_not_mine_is_404(site: Site) -> None:
    flow = await saved(site, make_graph("A"))
    mine = (await site.client.post(f"{BASE}/{flow}/run")).json()["id"]
    for run_id, node in ((mine, "B"), (str(uuid4()), "A")):
        answer = await site.client.get(f"{BASE}/runs/{run_id}/nodes/{node}/tasks")
        assert answer.status_code == 404

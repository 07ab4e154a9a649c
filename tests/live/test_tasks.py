"""The steps inside an execution, as a real n8n and a real Airflow 3.3 tell them: what the sandboxes promise."""

from __future__ import annotations

import asyncio

from providers import JsonObject, TaskState
from providers.airflow import Airflow
from providers.n8n import N8n
from providers.sandbox.airflow import TOKEN, AirflowSandbox
from tests.live.following import ended
from tests.live.platforms import Client
from tests.live.platforms.airflow import AirflowPeer
from tests.live.platforms.n8n import N8nPeer
from tests.serving import served


async def test_every_try_of_a_task(airflow: AirflowPeer, airflow_provider: Airflow) -> None:
    done = await ended(airflow_provider, await airflow_provider.execute("flaky_retry", {}, key="tasks/1"))
    tries = await airflow_provider.tasks(done)
    assert [(task.id, task.attempt, task.state, task.raw) for task in tries] == [
        ("flaky", 1, TaskState.FAILED, "failed"),
        ("flaky", 2, TaskState.FAILED, "failed"),
        ("flaky", 3, TaskState.COMPLETED, "success"),
    ]
    assert all(task.queued_at and task.started_at and task.finished_at for task in tries)
    assert [task.started_at for task in tries] == sorted(task.started_at for task in tries if task.started_at)
    assert tries[1].url == f"{airflow.base_url}/dags/flaky_retry/runs/{done.id}/tasks/flaky?try_number=2"


async def test_mapped_tasks_and_tasks_that_never_ran(airflow_provider: Airflow) -> None:
    mapped = await airflow_provider.execute("mapped_leaves", {"items": [3, 1]}, key="tasks/2")
    found = await airflow_provider.tasks(await ended(airflow_provider, mapped))
    assert sorted(task.label for task in found) == ["count", "items", "square[0]", "square[1]"]
    failing = await airflow_provider.execute("always_fail", {}, key="tasks/3")
    found = await airflow_provider.tasks(await ended(airflow_provider, failing))
    assert {(task.id, task.attempt, task.raw) for task in found} == {
        ("broken", 1, "failed"),
        ("never", 0, "upstream_failed"),
    }


async def test_a_try_has_the_same_keys_in_the_sandbox(
    airflow_provider: Airflow, airflow_client: Client
) -> None:
    done = await ended(airflow_provider, await airflow_provider.execute("flaky_retry", {}, key="tasks/4"))
    where = f"/dags/flaky_retry/dagRuns/{done.id}/taskInstances/flaky/tries"
    theirs = airflow_client.need("GET", where)
    sandbox = AirflowSandbox(time_scale=0.02)
    async with served(sandbox) as url:
        client = Client(f"{url}/api/v2", {"Authorization": f"Bearer {TOKEN}"})
        run = {"dag_run_id": "one", "logical_date": None}
        await asyncio.to_thread(client.need, "POST", "/dags/flaky_retry/dagRuns", run)
        tries = "/dags/flaky_retry/dagRuns/one/taskInstances/flaky/tries"
        ours = await asyncio.to_thread(client.need, "GET", tries)
        await sandbox.aclose()
    assert set(ours) == set(theirs)
    assert set(ours["task_instances"][0]) == set(theirs["task_instances"][0])


async def test_the_nodes_of_an_n8n_execution(n8n: N8nPeer, n8n_provider: N8n) -> None:
    flow = n8n.workflows["async-accepted"].id
    payload: JsonObject = {"text": "abc", "numbers": [1, 2], "delaySeconds": 1}
    done = await ended(n8n_provider, await n8n_provider.execute(flow, payload, key="tasks/5"))
    tasks = await n8n_provider.tasks(done)
    assert tasks[0].label == "Webhook" and {task.state for task in tasks} == {TaskState.COMPLETED}
    waited = next(task for task in tasks if "wait" in task.label.lower())
    assert waited.started_at and waited.finished_at
    assert (waited.finished_at - waited.started_at).total_seconds() >= 0.9
    failing = n8n.workflows["async-failing"].id
    failed = await ended(n8n_provider, await n8n_provider.execute(failing, {}, key="tasks/6"))
    last = (await n8n_provider.tasks(failed))[-1]
    assert failed.error is not None and (last.label, last.state) == (failed.error.where, TaskState.FAILED)

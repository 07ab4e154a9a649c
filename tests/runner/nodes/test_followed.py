"""RemoteWebhook on a platform: followed to its real end, within its limits, on the sandboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from providers.sandbox.airflow import AirflowSandbox
from providers.sandbox.n8n import N8nSandbox
from tests.faults.bench import drawing, node_rows, until
from tests.runner.nodes.drive import Drive, Ran
from tests.serving import served


@pytest.fixture
async def airflow(drive: Drive) -> AsyncIterator[AirflowSandbox]:
    sandbox = AirflowSandbox(time_scale=0.1)
    async with served(sandbox) as url:
        await drive.connect("airflow", AirflowSandbox.connection(url))
        yield sandbox


@pytest.fixture
async def n8n(drive: Drive) -> AsyncIterator[N8nSandbox]:
    sandbox = N8nSandbox(time_scale=0.1)
    async with served(sandbox) as url:
        await drive.connect("n8n", N8nSandbox.connection(url))
        yield sandbox


def remote(provider: str, workflow: str, **config: Any) -> tuple[str, dict[str, Any]]:
    return "RemoteWebhook", {
        "provider": provider,
        "workflowId": workflow,
        "bodyTemplate": "{{ data }}",
        "pollingInterval": 50,
        **config,
    }


async def run(drive: Drive, node: tuple[str, dict[str, Any]], inputs: dict[str, Any] | None = None) -> Ran:
    return await drive.graph(drawing({"t": node}), inputs)


async def test_the_remote_result_is_the_output_and_the_link_is_exact(
    drive: Drive, airflow: AirflowSandbox
) -> None:
    ran = await run(drive, remote("airflow", "quick_conf"), {"numbers": [1, 2, 3]})
    assert ran.row.state == "COMPLETED" and "6" in str(ran.row.output)
    assert ran.node.remote["match"] == "exact" and ran.node.remote["executionId"] == airflow.runs[0].id


async def test_polls_run_out_as_not_confirmed(drive: Drive, airflow: AirflowSandbox) -> None:
    airflow.time_scale = 1.0
    ran = await run(drive, remote("airflow", "slow_report", maxPollingAttempts=2))
    assert (ran.node.state, ran.row.error["code"]) == ("TIMED_OUT", "not-confirmed")
    assert len(airflow.runs) == 1


async def test_fire_and_forget_ends_when_the_call_was_taken(drive: Drive, airflow: AirflowSandbox) -> None:
    ran = await run(drive, remote("airflow", "slow_report", enablePolling=False))
    assert ran.row.state == "COMPLETED"
    assert ran.row.output["executionId"] == airflow.runs[0].id


@pytest.mark.parametrize(
    ("choice", "state", "code", "stopped"),
    [
        ("wait", "TIMED_OUT", "queue-timeout", False),
        ("cancel", "FAILED", "queue-timeout", True),
        ("skip", "COMPLETED", None, True),
    ],
)
async def test_the_queue_has_a_limit_of_its_own(
    drive: Drive, airflow: AirflowSandbox, choice: str, state: str, code: str | None, stopped: bool
) -> None:
    ran = await run(drive, remote("airflow", "paused_nightly", queueTimeout=150, whenQueued=choice))
    assert ran.node.state == state
    assert (ran.row.error["code"] if code else ran.row.error) == code
    if choice == "skip":
        assert ran.row.output["skipped"] is True
    assert (airflow.runs[0].state != "queued") is stopped
    assert any("queued on Apache Airflow" in line for line in ran.lines), ran.lines


async def test_a_queued_node_looks_queued(drive: Drive, airflow: AirflowSandbox) -> None:
    run_id = await drive.start(drawing({"t": remote("airflow", "paused_nightly")}))

    async def queued() -> bool:
        await drive.engine.run_until_idle()
        return (await node_rows(drive.store, run_id))["t"].state == "QUEUED"

    await until(queued)
    row = (await node_rows(drive.store, run_id))["t"]
    assert row.waiting["kind"] == "remote-queue" and drive.engine.busy == 0
    await drive.store.runs.cancel(drive.scope, run_id)
    await drive.engine.run_until_idle()  # a cancel reaches the platform
    assert airflow.runs[0].state == "failed"


async def test_their_own_error_is_the_nodes_error(drive: Drive, n8n: N8nSandbox) -> None:
    ran = await run(drive, remote("n8n", "wfCharge", retryAttempts=3))
    assert ran.node.state == "FAILED" and "insufficient funds" in ran.row.error["message"]
    assert len(n8n.runs) == 1


async def test_task_logs_of_every_try_are_pulled(drive: Drive, airflow: AirflowSandbox) -> None:
    ran = await run(drive, remote("airflow", "flaky_retry", maxPollingAttempts=200))
    assert ran.row.state == "COMPLETED", ran.row.error
    tries = {e.data.get("attempt") for e in ran.events if e.source == "airflow" and e.data}
    assert {1, 2, 3} <= tries


async def test_a_workflow_nobody_may_start_says_why(drive: Drive, n8n: N8nSandbox) -> None:
    ran = await run(drive, remote("n8n", "wfNightly"))
    assert ran.node.state == "FAILED" and ran.row.error["message"]
    assert len(n8n.runs) == 0


async def test_no_connection_is_a_clear_failure(drive: Drive) -> None:
    ran = await run(drive, remote("n8n", "x"))
    assert ran.node.state == "FAILED" and ran.row.error["code"] == "connection-missing"

"""The steps inside an execution: tries and mapped tasks of Airflow, nodes of n8n."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from providers import EgressGuard, ExecutionState, Http, RemoteNotFound, RemoteTask, TaskState
from providers.n8n import N8n, N8nConnection
from providers.sandbox.n8n import N8nSandbox
from tests.providers.airflow_peer import Peer, airflow
from tests.providers.contract import finished
from tests.serving import served


@pytest.fixture(params=["v2", "v1"])
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    async with airflow(api=request.param) as peer:
        yield peer


@pytest.fixture
async def n8n() -> AsyncIterator[N8n]:
    server = N8nSandbox(time_scale=0.05)
    async with served(server) as url:
        connection = N8nConnection.model_validate(N8nSandbox.connection(url))
        http = Http(EgressGuard(["127.0.0.0/8"]), in_flight=8, secrets=connection.secrets())
        yield N8n(connection, http)
        await http.aclose()
        await server.aclose()


def seen(tasks: tuple[RemoteTask, ...]) -> list[tuple[str, int, TaskState, str | None]]:
    return [(task.label, task.attempt, task.state, task.raw) for task in tasks]


# ---------------------------------------------------------------- Airflow


async def test_every_try_of_a_task_is_told_with_its_own_time(peer: Peer) -> None:
    tasks = await peer.provider.tasks(await peer.end("flaky_retry"))
    assert seen(tasks) == [
        ("prepare", 1, TaskState.COMPLETED, "success"),
        ("flaky", 1, TaskState.FAILED, "failed"),
        ("flaky", 2, TaskState.FAILED, "failed"),
        ("flaky", 3, TaskState.COMPLETED, "success"),
        ("finish", 1, TaskState.COMPLETED, "success"),
    ]
    tries = [task for task in tasks if task.id == "flaky"]
    for earlier, later in pairwise(tries):
        assert earlier.started_at and earlier.finished_at and later.started_at
        assert earlier.started_at < earlier.finished_at <= later.started_at
    page = tries[1].url or ""
    assert page.startswith(f"{peer.url}/dags/flaky_retry/")
    assert ("tasks/flaky?try_number=2" in page) == (peer.server.api == "v2")
    assert ("&task_id=flaky&tab=logs" in page) == (peer.server.api == "v1")


async def test_mapped_tasks_have_their_index_and_their_own_tries(peer: Peer) -> None:
    tasks = await peer.provider.tasks(await peer.end("mapped_tasks", {"items": [1, 2, 3]}))
    assert sorted(task.label for task in tasks) == ["items", "square[0]", "square[1]", "square[2]"]
    page = next(task.url for task in tasks if task.id == "square[1]") or ""
    assert ("/mapped/1" if peer.server.api == "v2" else "map_index=1") in page


async def test_tasks_that_never_ran_say_why(peer: Peer) -> None:
    tasks = await peer.provider.tasks(await peer.end("always_fail"))
    assert seen(tasks) == [
        ("boom", 1, TaskState.FAILED, "failed"),
        ("boom", 2, TaskState.FAILED, "failed"),
        ("never", 0, TaskState.FAILED, "upstream_failed"),
    ]


async def test_an_airflow_without_tries_tells_the_latest() -> None:
    async with airflow(api="v1", version="2.9.3") as peer:
        tasks = await peer.provider.tasks(await peer.end("flaky_retry"))
        assert ("flaky", 3, TaskState.COMPLETED, "success") in seen(tasks)
        assert not any(call.endswith("/tries") for call in peer.server.calls)


async def test_tasks_of_a_run_that_waits_are_there_and_have_not_begun(peer: Peer) -> None:
    waiting = await peer.provider.execute("paused_nightly", {}, key="k")
    (task,) = await peer.provider.tasks(waiting)
    assert (task.state, task.attempt, task.started_at, task.raw) == (TaskState.PENDING, 0, None, None)


async def test_a_task_between_two_tries_stands_once(peer: Peer) -> None:
    ended = await peer.end("always_fail")
    boom = peer.server.runs[0].of("boom")
    assert boom is not None
    boom.state = "up_for_retry"
    tasks = [task for task in await peer.provider.tasks(ended) if task.id == "boom"]
    assert seen(tuple(tasks)) == [
        ("boom", 1, TaskState.FAILED, "failed"),
        ("boom", 2, TaskState.FAILED, "up_for_retry"),
    ]


# ---------------------------------------------------------------- n8n


async def test_the_nodes_of_an_execution_in_the_order_they_ran(n8n: N8n) -> None:
    ended = await finished(n8n, await n8n.execute("wfConvert", {"text": "abc"}, key="k"))
    tasks = await n8n.tasks(ended)
    assert tasks[0].label == "Webhook"
    assert {task.state for task in tasks} == {TaskState.COMPLETED}
    assert all(task.started_at and task.finished_at for task in tasks)


async def test_the_node_that_failed(n8n: N8n) -> None:
    ended = await finished(n8n, await n8n.execute("wfConvert", {"fail": True}, key="k"))
    last = (await n8n.tasks(ended))[-1]
    assert (ended.state, last.label, last.state, last.raw) == (
        ExecutionState.FAILED,
        "Work",
        TaskState.FAILED,
        "error",
    )


async def test_an_execution_nobody_knows(n8n: N8n) -> None:
    ended = await finished(n8n, await n8n.execute("wfConvert", {"text": "abc"}, key="k"))
    for execution_id in (None, "999999"):
        with pytest.raises(RemoteNotFound):
            await n8n.tasks(ended.model_copy(update={"id": execution_id}))

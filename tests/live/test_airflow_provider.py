"""The Airflow provider against a real Airflow 3.3: what its sandbox promises, the real server keeps."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from providers import (
    Execution,
    ExecutionState,
    JsonObject,
    Rejected,
    RemoteLog,
    RemoteNotFound,
    Unauthorized,
    Verb,
    now,
    recording,
)
from providers.airflow import Airflow
from tests.live.conftest import opened
from tests.live.following import ended, listed, poll_until
from tests.live.platforms import Client
from tests.live.platforms.airflow import AirflowPeer


async def test_the_connection_is_proven(airflow: AirflowPeer, airflow_provider: Airflow) -> None:
    account = await airflow_provider.check()
    assert (account.workflows, account.version, account.warnings) == (len(airflow.dags), "3.3.2", ())
    assert account.label == f"{airflow.username} on Airflow 3.3.2"
    assert airflow_provider.offers() == frozenset(Verb)


async def test_the_login_leaves_no_trace(airflow: AirflowPeer, airflow_provider: Airflow) -> None:
    with recording() as exchanges:
        await airflow_provider.check()
    (login,) = [exchange for exchange in exchanges if exchange.url.endswith("/auth/token")]
    assert login.answer == '{"access_token":"***"}'
    assert airflow.password not in str(exchanges)
    assert {exchange.headers.get("Authorization", "***") for exchange in exchanges} == {"***"}


async def test_a_token_takes_the_place_of_a_login(airflow: AirflowPeer) -> None:
    login = {"username": airflow.username, "password": airflow.password}
    token = Client(airflow.base_url).need("POST", "/auth/token", login)["access_token"]
    async with opened(Airflow, {"baseUrl": airflow.base_url, "token": token}) as provider:
        assert (await provider.check()).workflows == len(airflow.dags)
    async with opened(Airflow, {"baseUrl": airflow.base_url, "token": "no.such.token"}) as provider:
        with pytest.raises(Unauthorized):
            await provider.check()


async def test_a_wrong_password_is_refused(airflow: AirflowPeer) -> None:
    wrong: JsonObject = {
        "baseUrl": airflow.base_url,
        "username": airflow.username,
        "password": "wrong-password-canary",
    }
    async with opened(Airflow, wrong) as provider:
        with pytest.raises(Unauthorized) as caught:
            await provider.check()
    assert (caught.value.code, caught.value.status) == ("unauthorized", 401)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("size", [2, 100])
async def test_every_dag_is_listed_once(
    airflow: AirflowPeer, airflow_provider: Airflow, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("providers.airflow._PAGE", size)
    pages = await listed(airflow_provider)
    found = [flow for page in pages for flow in page.items]
    assert sorted(flow.id for flow in found) == sorted(airflow.dags)
    assert (len(pages) > 2) == (size == 2)
    by_id = {flow.id: flow for flow in found}
    assert all(flow.executable for flow in found)
    assert [flow.id for flow in found if not flow.active] == ["paused_nightly"]
    assert (by_id["paused_nightly"].trigger.kind, by_id["quick_conf"].trigger.kind) == ("schedule", "api")
    assert by_id["quick_conf"].tags == ("live", "quick")
    assert by_id["quick_conf"].url == f"{airflow.base_url}/dags/quick_conf"


async def test_every_preview_shows_the_tasks(airflow: AirflowPeer, airflow_provider: Airflow) -> None:
    previews = {dag: await airflow_provider.preview(dag) for dag in airflow.dags}
    assert {dag: [node.id for node in preview.nodes] for dag, preview in previews.items()} == {
        "always_fail": ["broken", "never"],
        "flaky_retry": ["flaky"],
        "mapped_leaves": ["count", "items", "square"],
        "paused_nightly": ["report"],
        "quick_conf": ["process"],
        "serial_slow": ["sleep"],
        "typed_params": ["show"],
    }
    (edge,) = previews["always_fail"].edges
    assert (edge.source, edge.target) == ("broken", "never")
    mapped = previews["mapped_leaves"]
    assert {(edge.source, edge.target) for edge in mapped.edges} == {("items", "count"), ("items", "square")}
    assert [node.label for node in mapped.nodes] == ["count", "items", "square ×n"]
    assert previews["flaky_retry"].nodes[0].label == "flaky (up to 2 retries)"
    assert (await airflow_provider.preview("always_fail")).fingerprint == previews["always_fail"].fingerprint
    inputs = previews["typed_params"].inputs or {}
    properties = inputs["properties"]
    assert isinstance(properties, dict)
    assert properties["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 10,
        "title": "limit",
    }
    assert previews["quick_conf"].inputs is None


async def test_conf_goes_in_and_the_result_comes_out(airflow: AirflowPeer, airflow_provider: Airflow) -> None:
    begun = await airflow_provider.execute("quick_conf", {"numbers": [1, 2, 39]}, key="quick/1")
    assert (begun.match, begun.state.final) == ("exact", False)
    done = await ended(airflow_provider, begun)
    assert (done.state, done.warning) == (ExecutionState.SUCCEEDED, None)
    assert done.output == {"echo": {"numbers": [1, 2, 39]}, "sum": 42}
    assert (done.id, done.match) == (begun.id, "exact")
    assert done.url == f"{airflow.base_url}/dags/quick_conf/runs/{done.id}"
    assert done.started_at and done.finished_at and done.started_at <= done.finished_at


async def test_several_last_tasks_make_an_object_and_a_mapped_one_a_list(airflow_provider: Airflow) -> None:
    begun = await airflow_provider.execute("mapped_leaves", {"items": [3, 1, 2]}, key="mapped/1")
    done = await ended(airflow_provider, begun)
    assert (done.state, done.warning) == (ExecutionState.SUCCEEDED, None)
    assert done.output == {"count": 3, "square": [9, 1, 4]}
    lines, _ = await airflow_provider.logs(done)
    said = {(line.task, line.message) for line in lines if line.message.startswith("squaring")}
    assert said == {("square[0]", "squaring 3"), ("square[1]", "squaring 1"), ("square[2]", "squaring 2")}


async def test_one_key_starts_one_run(airflow_provider: Airflow) -> None:
    payload: JsonObject = {"numbers": [5]}
    begun = await asyncio.gather(
        *(airflow_provider.execute("quick_conf", payload, key="same/1") for _ in range(3))
    )
    again = await airflow_provider.execute("quick_conf", {"numbers": [6]}, key="same/1")
    assert {execution.id for execution in [*begun, again]} == {begun[0].id}
    found = await airflow_provider.find("quick_conf", key="same/1", since=now() - timedelta(minutes=1))
    assert found is not None and found.id == begun[0].id
    assert await airflow_provider.find("quick_conf", key="same/2", since=now()) is None
    done = await ended(airflow_provider, again)
    assert (done.state, done.error, done.warning) == (ExecutionState.SUCCEEDED, None, None)
    assert done.output == {"echo": {"numbers": [5]}, "sum": 5}


async def test_each_try_has_its_own_log(airflow_provider: Airflow) -> None:
    execution = await airflow_provider.execute("flaky_retry", {}, key="flaky/1")
    seen: list[RemoteLog] = []
    mark = None
    while True:  # as the runner does: logs after every poll, the mark carried on
        lines, mark = await airflow_provider.logs(execution, since=mark)
        seen += lines
        if execution.state.final:
            break
        await asyncio.sleep(execution.poll_after or 0)
        execution = await airflow_provider.poll(execution)
    assert (execution.state, execution.output) == (ExecutionState.SUCCEEDED, {"attempt": 3})
    assert {line.task for line in seen} == {"flaky"}
    by_try = {n: [line for line in seen if line.attempt == n] for n in (1, 2, 3)}
    for n in (1, 2):
        said = [line.message for line in by_try[n]]
        assert said.count(f"try {n}: upstream-{n} does not answer") == 1
        assert said.count(f"printed by try {n}") == 1
        assert said.count(f"ConnectionError: try {n}: connection refused by upstream-{n}") == 1
        (died,) = [line for line in by_try[n] if line.message.startswith("ConnectionError")]
        assert died.level == "error" and died.data and "exceptions" in died.data
    assert "try 3: recovered" in [line.message for line in by_try[3]]
    assert all(line.at for line in seen)
    assert sum(map(len, by_try.values())) == len(seen)


async def test_a_failure_has_the_task_s_own_words(airflow_provider: Airflow) -> None:
    done = await ended(airflow_provider, await airflow_provider.execute("always_fail", {}, key="fail/1"))
    assert done.state is ExecutionState.FAILED and done.error is not None
    assert done.error.message == "Task broken failed: ValueError: bad input: field 'amount' is missing"
    assert done.error.where == "broken"
    assert "never" in (done.error.hint or "")
    lines, _ = await airflow_provider.logs(done)
    # What a task prints bears the time at which Airflow read it, so it may come after the exception.
    assert "about to fail" in [line.message for line in lines if line.task == "broken"]


async def test_a_queued_run_says_why_and_can_be_taken_out(airflow_provider: Airflow) -> None:
    first = await airflow_provider.execute("serial_slow", {"seconds": 40}, key="serial/1")
    first = await poll_until(airflow_provider, first, lambda seen: seen.state is ExecutionState.RUNNING)
    behind = [
        await airflow_provider.execute("serial_slow", {"seconds": 0}, key=f"serial/{n}") for n in (2, 3)
    ]
    second, third = [await airflow_provider.poll(execution) for execution in behind]
    assert (second.state, third.state) == (ExecutionState.QUEUED, ExecutionState.QUEUED)
    assert second.note == "The DAG runs at most 1 at a time and 1 run now, place 1 in the queue."
    assert third.note == "The DAG runs at most 1 at a time and 1 run now, place 2 in the queue."
    assert "out of its queue" in await airflow_provider.cancel(second)
    assert (await airflow_provider.poll(second)).state is ExecutionState.CANCELLED
    assert "until its next heartbeat" in await airflow_provider.cancel(first)
    first = await ended(airflow_provider, first)
    assert first.state is ExecutionState.CANCELLED
    assert "already ended" in await airflow_provider.cancel(first)
    third = await ended(airflow_provider, third)  # its turn has come
    assert (third.state, third.output) == (ExecutionState.SUCCEEDED, {"slept": 0.0})


async def test_a_run_of_a_paused_dag_says_so(airflow_provider: Airflow) -> None:
    execution = await airflow_provider.execute("paused_nightly", {}, key="paused/1")
    execution = await airflow_provider.poll(execution)
    assert execution.state is ExecutionState.QUEUED
    assert "The DAG paused_nightly is paused" in (execution.note or "")
    await airflow_provider.cancel(execution)
    assert (await airflow_provider.poll(execution)).state is ExecutionState.CANCELLED


async def test_conf_outside_its_schema_is_refused_in_their_words(airflow_provider: Airflow) -> None:
    with pytest.raises(Rejected) as caught:
        await airflow_provider.execute("typed_params", {"limit": 101}, key="typed/1")
    assert (caught.value.status, caught.value.sent, caught.value.code) == (400, False, "rejected")
    assert "greater than the maximum" in caught.value.message
    taken = await airflow_provider.execute("typed_params", {"limit": 7, "customer": "Ada"}, key="typed/2")
    done = await ended(airflow_provider, taken)
    assert done.output == {"customer": "Ada", "limit": 7, "mode": "fast"}


async def test_an_unknown_dag_is_not_found(airflow_provider: Airflow) -> None:
    with pytest.raises(RemoteNotFound) as caught:
        await airflow_provider.execute("no_such_dag", {}, key="none/1")
    assert caught.value.sent is False
    with pytest.raises(RemoteNotFound):
        await airflow_provider.preview("no_such_dag")
    lost = Execution(id="manual__none", workflow_id="quick_conf", state=ExecutionState.RUNNING, match="exact")
    with pytest.raises(RemoteNotFound):
        await airflow_provider.poll(lost)

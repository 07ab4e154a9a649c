"""LocalFlow: other orchestrators of ours, and Flowise flows on the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select

from providers.sandbox.flowise import FlowiseSandbox
from runner.errors import Conflict
from runner.tables import run
from tests.faults.bench import BY, drawing, mapper, node_rows
from tests.receiver import Receiver
from tests.runner.nodes.drive import Drive
from tests.serving import served


@pytest.fixture
async def flowise() -> AsyncIterator[tuple[str, FlowiseSandbox]]:
    sandbox = FlowiseSandbox(time_scale=0.05)
    async with served(sandbox) as url:
        yield url, sandbox


async def test_a_failed_child_fails_its_node_with_its_reason(drive: Drive, receiver: Receiver) -> None:
    failing = drawing({"c": ("RemoteWebhook", {"url": receiver.url + "/status/400"})})
    inner = await drive.store.orchestrators.create(drive.scope, "inner", "", failing)
    ran = await drive.one("LocalFlow", {"flowId": str(inner.id)})
    assert (ran.node.state, ran.row.error["code"]) == ("FAILED", "flow-failed")
    assert "400" in ran.row.error["message"] and ran.row.error["cause"]["error"]["nodeId"] == "c"
    assert ran.node.remote["executionId"] == ran.row.error["cause"]["runId"]


async def test_a_cancel_reaches_the_children(drive: Drive) -> None:
    waiting = drawing({"c": ("WaitForCallback", {})})
    inner = await drive.store.orchestrators.create(drive.scope, "inner", "", waiting)
    middle = await drive.store.orchestrators.create(
        drive.scope, "middle", "", drawing({"m": ("LocalFlow", {"flowId": str(inner.id)})})
    )
    run_id = await drive.start(drawing({"t": ("LocalFlow", {"flowId": str(middle.id)})}))
    await drive.engine.run_until_idle()
    await drive.store.runs.cancel(drive.scope, run_id)
    async with drive.store.database.begin() as connection:
        states = (await connection.execute(select(run.c.state, func.count()).group_by(run.c.state))).all()
    assert [tuple(row) for row in states] == [("CANCELLED", 3)]


async def test_a_flow_that_is_not_there_fails_clearly(drive: Drive) -> None:
    ran = await drive.one("LocalFlow", {"flowId": "01890000-0000-7000-8000-000000000000"})
    assert (ran.node.state, ran.row.error["code"]) == ("FAILED", "not-found")


async def test_a_flow_that_calls_itself_ends(drive: Drive) -> None:
    made = await drive.store.orchestrators.create(drive.scope, "snake", "", drawing({"t": mapper()}))
    bite = drawing({"t": ("LocalFlow", {"flowId": str(made.id)})})
    saved = await drive.store.orchestrators.save(drive.scope, made.id, graph=bite)
    assert saved.revision == 2
    ran = await drive.end(await drive.store.runs.create(drive.scope, made.id, {}, trigger=BY))
    assert ran.node.state == "FAILED" and "nest" in ran.row.error["message"]
    async with drive.store.database.begin() as connection:
        assert await connection.scalar(select(func.count()).select_from(run)) == 21


async def test_a_child_asked_for_by_an_ended_node_is_not_started(drive: Drive) -> None:
    inner = await drive.store.orchestrators.create(drive.scope, "inner", "", drawing({"c": mapper()}))
    run_id = await drive.start(drawing({"t": ("WaitForCallback", {})}))
    await drive.store.runs.cancel(drive.scope, run_id)
    parent = (await node_rows(drive.store, run_id))["t"].id
    with pytest.raises(Conflict):
        await drive.store.runs.create_child(drive.scope, inner.id, {}, parent=parent, depth=0, labels={})


# ------------------------------------------------------------------------------------------------ Flowise


async def test_flowise_is_asked_with_the_connections_key(
    drive: Drive, flowise: tuple[str, FlowiseSandbox]
) -> None:
    url, sandbox = flowise
    connection = await drive.connect("flowise", {"baseUrl": url, "apiKey": FlowiseSandbox.API_KEY})
    config = {"baseURL": url, "flowId": FlowiseSandbox.QUICK, "apiKeyConnectionId": str(connection)}
    ran = await drive.one(
        "LocalFlow", config | {"inputTemplate": "{{ input.text }}"}, {"text": "where is my order?"}
    )
    assert ran.row.state == "COMPLETED", ran.row.error
    assert ran.row.output["json"] == {"question": "where is my order?", "label": "order"}
    assert ran.node.remote["provider"] == "flowise"
    assert FlowiseSandbox.API_KEY not in str(ran.attempts)
    assert len([c for c in sandbox.calls if c.startswith("POST")]) == 1


async def test_flowise_without_a_key_says_unauthorized(
    drive: Drive, flowise: tuple[str, FlowiseSandbox]
) -> None:
    ran = await drive.one("LocalFlow", {"baseURL": flowise[0], "flowId": FlowiseSandbox.QUICK}, {})
    assert (ran.node.state, ran.row.error["code"]) == ("FAILED", "unauthorized")


async def test_a_key_is_sent_to_its_own_origin_only(
    drive: Drive, flowise: tuple[str, FlowiseSandbox], receiver: Receiver
) -> None:
    connection = await drive.connect("flowise", {"baseUrl": flowise[0], "apiKey": FlowiseSandbox.API_KEY})
    config = {"baseURL": receiver.url, "flowId": FlowiseSandbox.QUICK, "apiKeyConnectionId": str(connection)}
    ran = await drive.one("LocalFlow", config, {})
    assert (ran.node.state, ran.row.error["code"]) == ("FAILED", "foreign-origin")
    assert receiver.calls == [] and flowise[1].calls == []


async def test_a_slow_flow_is_timed_out_and_not_asked_twice(
    drive: Drive, flowise: tuple[str, FlowiseSandbox]
) -> None:
    url, sandbox = flowise
    sandbox.time_scale = 1.0
    connection = await drive.connect("flowise", {"baseUrl": url, "apiKey": FlowiseSandbox.API_KEY})
    config = {"baseURL": url, "flowId": FlowiseSandbox.SLOW, "apiKeyConnectionId": str(connection)}
    ran = await drive.one("LocalFlow", config | {"timeout": 100, "retryAttempts": 3, "retryDelay": 10}, {})
    assert (ran.node.state, ran.row.error["code"]) == ("TIMED_OUT", "timeout")
    assert len([c for c in sandbox.calls if c.startswith("POST")]) == 1

"""Reading runs: order, tokens only where asked for, exchanges as they were."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy import text

from runner.model import Scope
from runner.store import Store
from tests.factories import make_graph, make_run, open_store, waiting_graph


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as found:
        yield found


@pytest_asyncio.fixture
async def scope(store: Store) -> Scope:
    return await store.access.scope("ann")


async def execute(store: Store, statement: str, **values: object) -> None:
    async with store.database.begin() as connection:
        await connection.execute(text(statement.replace("::", r"\:\:")), values)


async def test_nodes_come_in_drawing_order_with_their_labels(store: Store, scope: Scope) -> None:
    run_id = await make_run(store, make_graph("zeta>alpha, zeta>mid, alpha>end, mid>end"))
    run = await store.history.run(scope, run_id)
    assert [node.id for node in run.nodes] == ["zeta", "alpha", "mid", "end"]
    assert [node.label for node in run.nodes] == ["zeta", "alpha", "mid", "end"]


async def test_a_wait_shows_its_address_only_when_asked_for(store: Store, scope: Scope) -> None:
    run_id = await make_run(store, waiting_graph())
    await execute(
        store,
        "UPDATE node_run SET state = 'WAITING', work = 'parked', waiting_since = clock_timestamp(), "
        'waiting = \'{"kind": "callback", "until": "2030-01-01T00:00:00.5+02:00"}\'::jsonb WHERE node_id = \'wait\'',
    )
    (hidden,) = (await store.history.run(scope, run_id)).waiting
    assert hidden.callback_url is None and (hidden.node_id, hidden.kind) == ("wait", "callback")
    (shown,) = (await store.history.run(scope, run_id, callback_base="https://x/callback")).waiting
    assert shown.callback_url is not None
    address, _, token = shown.callback_url.partition("?token=")
    assert address == f"https://x/callback/{run_id}"
    assert (await store.waits.signal(run_id, token, {})).kind == "accepted"
    assert '"until":"2029-12-31T22:00:00.500Z"' in hidden.model_dump_json(by_alias=True)


async def test_the_call_that_started_the_work_is_told_from_log_ins_and_polls(
    store: Store, scope: Scope
) -> None:
    run_id = await make_run(store)

    def exchange(method: str, url: str, status: int) -> str:
        request = f'{{"method": "{method}", "url": "{url}", "headers": {{}}, "body": null, "at": "2026-01-01T00:00:00+00:00"}}'
        response = f'{{"status": {status}, "headers": {{}}, "body": "b", "seconds": 0.1}}'
        return f'{{"request": {request}, "response": {response}, "error": null}}'

    calls = [
        exchange("POST", "https://x/login", 200),
        exchange("POST", "https://x/start", 202),
        exchange("GET", "https://x/poll", 200),
    ]
    await execute(
        store,
        "INSERT INTO node_attempt (node_run_id, attempt, exchanges) SELECT id, 1, CAST(:calls AS jsonb) "
        "FROM node_run WHERE node_id = 'A'",
        calls=f"[{', '.join(calls)}]",
    )
    (attempt,) = (await store.history.run(scope, run_id)).nodes[0].attempts
    assert attempt.request is not None and attempt.request.url == "https://x/start"
    assert attempt.response is not None and attempt.response.status == 202
    assert len(attempt.exchanges) == 3


async def test_totals_count_the_ready_nodes_of_live_runs(store: Store, scope: Scope) -> None:
    await make_run(store, make_graph("A>B, A>C"))
    cancelled = await make_run(store)
    await store.runs.cancel(scope, cancelled)
    totals = await store.history.totals(scope)
    assert totals.runs["CANCELLED"] == 1 and sum(totals.runs.values()) == 2
    assert (totals.nodes["QUEUED"], totals.nodes["PENDING"], totals.ready) == (1, 2, 1)

"""A platform goes away under load and comes back: two worker processes, real sockets, real kills.

The platform is an Airflow sandbox behind a switch: listening or not, and, when it listens, well, refusing all, or hanging.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pytest
from sqlalchemy import text

from providers import discover
from providers.sandbox.airflow import AirflowSandbox
from providers.sandbox.n8n import N8nSandbox
from runner.breaker import Policy, Word
from runner.store import Store
from tests.faults.bench import BY, Bench, drawing, events, mapper, node_rows, run_row, until
from tests.faults.invariants import violations
from tests.faults.nursery import Worker
from tests.serving import served

PACE = 20.0
POLICY = {"failures": 3, "first": 0.4, "longest": 1.0, "patience": 2.0, "pace": PACE}
LATE = 0.25 * PACE + 1
"""What the pace lets go at once."""


class Switch:
    """The sandbox, and what stands before it. `starts`: when each start of an execution came in; `most`: requests at once."""

    def __init__(self) -> None:
        self.sandbox = AirflowSandbox(time_scale=0.05)
        self.mood: Literal["well", "refusing", "hanging"] = "well"
        self.released = asyncio.Event()
        self.starts: list[float] = []
        self.slow = 0.0
        self.asked = 0
        self.most = 0
        self._now = 0
        self._stack = contextlib.AsyncExitStack()
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port: int = sock.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def on(self) -> None:
        await self._stack.enter_async_context(served(self, port=self.port))

    async def off(self) -> None:
        self.released.set()
        await self._stack.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.sandbox(scope, receive, send)
            return
        self.asked += 1
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            if self.mood == "hanging":
                await self.released.wait()
            if self.mood != "well":
                await send({"type": "http.response.start", "status": 503, "headers": []})
                await send({"type": "http.response.body", "body": b"out of order"})
                return
            if scope["method"] == "POST" and scope["path"].endswith("/dagRuns"):
                self.starts.append(asyncio.get_running_loop().time())
            if self.slow:
                await asyncio.sleep(self.slow)
            await self.sandbox(scope, receive, send)
        finally:
            self._now -= 1


@pytest.fixture
async def switch() -> AsyncIterator[Switch]:
    made = Switch()
    yield made
    await made.off()


async def connected(bench: Bench, switch: Switch, **limits: int) -> UUID:
    model = discover()["airflow"].connection_model
    row = await bench.store.connections.create(
        bench.scope,
        "airflow",
        "Sandbox",
        model.model_validate(AirflowSandbox.connection(switch.url)),
        allow_private_network=True,
    )
    await bench.store.connections.update(bench.scope, row.id, limits=limits)
    return row.id


def worker(bench: Bench, **more: Any) -> Worker:
    return bench.worker(breaker=POLICY, **more)


REMOTE = {
    "provider": "airflow",
    "workflowId": "quick_conf",
    "bodyTemplate": '{"numbers": [1, 2]}',
    "pollingInterval": 300,
}
GRAPH = drawing({"t": ("RemoteWebhook", REMOTE), "z": mapper()}, "t>z")


async def many(bench: Bench, count: int, graph: Any = GRAPH) -> list[UUID]:
    made = await bench.store.orchestrators.create(bench.scope, f"many {count}", "", graph)
    return [await bench.store.runs.create(bench.scope, made.id, {}, trigger=BY) for _ in range(count)]


async def column(store: Store, sql: str) -> list[Any]:
    async with store.database.begin() as connection:
        return list(await connection.scalars(text(sql)))


async def count(store: Store, sql: str) -> int:
    return (await column(store, f"SELECT count(*) FROM {sql}"))[0]


async def reached(store: Store, sql: str, number: int, seconds: float = 30.0) -> None:
    async def there() -> bool:
        return await count(store, sql) >= number

    await until(there, seconds)


HELD = "node_run WHERE state = 'HELD'"
ENDED = "run WHERE finished_at IS NOT NULL"


async def test_a_platform_that_is_down_under_load_fails_no_run(bench: Bench, switch: Switch) -> None:
    store = bench.store
    await switch.on()
    await connected(bench, switch)
    workers = [worker(bench), worker(bench)]
    before = await many(bench, 30)
    await reached(store, "node_run WHERE node_id = 't' AND remote IS NOT NULL", 30)
    await switch.off()
    after = await many(bench, 70)
    await reached(store, HELD, 60)
    switch.mood = "refusing"
    switch.most = switch.asked = 0
    await switch.on()

    async def probed() -> bool:
        return switch.asked >= 3

    held = await count(store, HELD)
    await until(probed)
    assert switch.most == 1, "two probes at once"
    starts = len(switch.starts)
    switch.mood = "well"
    await reached(store, ENDED, 100, 60)
    states = await column(store, "SELECT DISTINCT state FROM run")
    assert states == ["COMPLETED"]
    assert held >= 60 and len(before) + len(after) == 100
    assert len(switch.sandbox.runs) == 100, "an execution was started twice"
    opened, resolved = await column(store, "SELECT opened_at FROM incident"), await resolutions(store)
    assert len(opened) == len(resolved) == 1 and resolved[0] > opened[0]
    # Never more than the pace: by the rows that were let go in any second, and by the starts since the first.
    released = await column(store, "SELECT at FROM run_event WHERE kind = 'node.released' ORDER BY at")
    assert len(released) >= 60 and released[0] >= resolved[0]
    for first, at in enumerate(released):
        within = [other for other in released[first:] if (other - at).total_seconds() < 1]
        assert len(within) <= PACE + LATE
    drained = switch.starts[starts:]
    for number, at in enumerate(drained):
        assert number <= PACE * (at - drained[0]) + LATE
    assert await column(store, "SELECT DISTINCT outcome FROM node_attempt") in (
        ["completed"],
        ["completed", "retry"],
        ["retry", "completed"],
    )
    assert await violations(store.database) == {}
    for each in workers:
        each.send(signal.SIGTERM)
        assert await each.end() == 0


async def resolutions(store: Store) -> list[datetime]:
    return await column(store, "SELECT resolved_at FROM incident WHERE resolved_at IS NOT NULL")


async def held_run(bench: Bench, switch: Switch) -> tuple[UUID, Worker]:
    """One run whose step is held, with one worker; the platform is off."""
    await connected(bench, switch)
    first = worker(bench)
    run_id = await bench.start(GRAPH)
    await reached(bench.store, HELD, 1)
    return run_id, first


async def test_a_held_step_says_why_and_until_when_and_uses_up_no_attempt(
    bench: Bench, switch: Switch
) -> None:
    run_id, _ = await held_run(bench, switch)
    told = [e for e in await events(bench.store, run_id) if e.kind == "node.held"][-1]
    assert "Sandbox is out of order: cannot reach http://127.0.0.1" in told.message
    assert told.data["why"] == "outage" and datetime.fromisoformat(told.data["until"])
    assert (await run_row(bench.store, run_id)).state == "WAITING"
    attempt = (await node_rows(bench.store, run_id))["t"].attempt
    await switch.on()
    assert (await bench.ended(run_id)).state == "COMPLETED"
    node = (await node_rows(bench.store, run_id))["t"]
    assert (node.attempt, node.takeovers) == (attempt, 0)
    kinds = [e.kind for e in await events(bench.store, run_id)]
    assert kinds.count("node.released") == kinds.count("node.held") == 1


@pytest.mark.parametrize("point", ["hold:before", "hold:inside", "hold:after"])
async def test_a_worker_that_dies_while_it_holds_a_step_leaves_it_to_the_next(
    bench: Bench, switch: Switch, point: str
) -> None:
    await connected(bench, switch)
    first = worker(bench)
    opener = await bench.start(GRAPH)
    await reached(bench.store, HELD, 1)
    first.send(signal.SIGTERM)
    await first.end()
    run_id = await bench.start(GRAPH)
    assert await worker(bench, point=point).end() == -signal.SIGKILL
    worker(bench)
    await reached(bench.store, HELD, 2)
    await switch.on()
    for each in (opener, run_id):
        assert (await bench.ended(each)).state == "COMPLETED"
    assert len(switch.sandbox.runs) == 2, "an execution was started twice"
    assert (await node_rows(bench.store, run_id))["t"].takeovers <= 1


async def test_a_held_run_can_be_cancelled(bench: Bench, switch: Switch) -> None:
    run_id, _ = await held_run(bench, switch)
    await bench.store.runs.cancel(bench.scope, run_id)
    other = await bench.start(GRAPH)
    await switch.on()
    assert (await bench.ended(other)).state == "COMPLETED"
    assert (await run_row(bench.store, run_id)).state == "CANCELLED"
    assert (await node_rows(bench.store, run_id))["t"].state == "CANCELLED"
    assert len(switch.sandbox.runs) == 1


async def test_what_a_cancelled_run_had_started_is_stopped_after_the_outage(
    bench: Bench, switch: Switch
) -> None:
    switch.sandbox = AirflowSandbox(time_scale=10.0)  # it would take half a minute
    await switch.on()
    await connected(bench, switch)
    worker(bench)
    run_id = await bench.start(drawing({"t": ("RemoteWebhook", REMOTE | {"workflowId": "slow_report"})}))
    await reached(bench.store, "node_run WHERE state = 'RUNNING' AND remote ->> 'executionId' IS NOT NULL", 1)
    await switch.off()
    await reached(bench.store, HELD, 1)
    await bench.store.runs.cancel(bench.scope, run_id)
    assert (await run_row(bench.store, run_id)).state == "CANCELLED"
    await switch.on()

    async def stopped() -> bool:
        return switch.sandbox.runs[0].state == "failed"

    await until(stopped)
    assert await violations(bench.store.database) == {}


async def test_a_steps_own_limit_stands_still_while_it_is_held(bench: Bench, switch: Switch) -> None:
    await switch.on()
    connection = await connected(bench, switch)
    policy = Policy(first=timedelta(hours=1))
    for _ in range(3):
        await bench.store.breakers.report(connection, policy, Word("silent", cause="planted"), ago=0.0)
    run_id = await bench.start(drawing({"t": ("RemoteWebhook", REMOTE | {"deadline": 4000})}))
    worker(bench)
    long = "waiting_since < clock_timestamp() - interval '4.5 s'"
    await reached(bench.store, f"{HELD} AND {long}", 1)
    await bench.store.breakers.close(bench.scope, connection)
    assert (await bench.ended(run_id)).state == "COMPLETED"


async def test_a_platform_that_asks_to_be_left_alone_is_and_that_is_no_outage(
    bench: Bench, switch: Switch
) -> None:
    await switch.on()
    connection = await connected(bench, switch)
    busy = Word("busy", 3600.0, "it asks to slow down (429)")
    await bench.store.breakers.report(connection, Policy(), busy, ago=0.0)
    worker(bench)
    run_id = await bench.start(GRAPH)
    paused = "node_run WHERE state = 'QUEUED' AND work = 'parked' AND waiting ->> 'kind' = 'pause'"
    await reached(bench.store, paused, 1)
    assert switch.asked == 0
    async with bench.store.database.begin() as transaction:  # an hour has passed
        await transaction.execute(text("UPDATE breaker SET pause_until = clock_timestamp()"))
    assert (await bench.ended(run_id)).state == "COMPLETED"
    assert await count(bench.store, "incident") == 0
    (queued,) = [e for e in await events(bench.store, run_id) if e.kind == "node.queued"]
    assert "Sandbox asked to be left alone" in queued.message and queued.data["why"] == "pause"


async def test_workers_that_all_restart_find_what_is_held(bench: Bench, switch: Switch) -> None:
    run_id, first = await held_run(bench, switch)
    first.send(signal.SIGTERM)
    assert await first.end() == 0
    await switch.on()
    worker(bench)
    assert (await bench.ended(run_id)).state == "COMPLETED"
    assert len(await resolutions(bench.store)) == await count(bench.store, "incident") == 1


async def test_a_prober_that_dies_is_followed_by_another(bench: Bench, switch: Switch) -> None:
    run_id, first = await held_run(bench, switch)
    switch.mood = "hanging"
    await switch.on()

    async def probing() -> bool:
        return switch.asked == 1 and await count(bench.store, "breaker WHERE state = 'half_open'") == 1

    await until(probing)
    first.send(signal.SIGKILL)
    await first.end()
    worker(bench)
    switch.mood = "well"
    assert (await bench.ended(run_id)).state == "COMPLETED"
    assert len(await resolutions(bench.store)) == await count(bench.store, "incident") == 1


async def test_a_hold_does_not_forget_that_a_worker_died_in_the_middle(bench: Bench) -> None:
    """A start that must not be repeated, its worker dead, the platform out: when it is back, what was started is looked for."""
    store, sandbox = bench.store, N8nSandbox(time_scale=0.1)
    remote = REMOTE | {"provider": "n8n", "workflowId": "wfPriceOrder", "bodyTemplate": "{{ data }}"}
    async with served(sandbox) as url:
        model = discover()["n8n"].connection_model
        row = await store.connections.create(
            bench.scope,
            "n8n",
            "Sandbox",
            model.model_validate(N8nSandbox.connection(url)),
            allow_private_network=True,
        )
        run_id = await bench.start(drawing({"t": ("RemoteWebhook", remote)}), {})
        await bench.killed("settle:inside", breaker=POLICY)
        assert len(sandbox.runs) == 1
        policy = Policy(first=timedelta(hours=1))
        for _ in range(3):
            await store.breakers.report(row.id, policy, Word("silent", cause="planted"), ago=0.0)
        second = worker(bench)
        await reached(store, HELD, 1)
        await store.breakers.close(bench.scope, row.id)
        assert (await bench.ended(run_id)).state == "COMPLETED"
        assert len(sandbox.runs) == 1, "it was started twice"
        said = [e.message for e in await events(store, run_id)]
        assert "found the execution that a dead worker had started" in said
        second.send(signal.SIGTERM)
        assert await second.end() == 0


async def test_two_workers_never_exceed_a_limit_in_flight(bench: Bench, switch: Switch) -> None:
    switch.slow = 0.02
    await switch.on()
    await connected(bench, switch, max_in_flight=3)
    for _ in range(2):
        worker(
            bench, lease=15.0
        )  # a place is as good as the lease behind it, and a busy machine is late with short ones
    await many(bench, 40)
    await reached(bench.store, ENDED, 40, 60)
    assert await column(bench.store, "SELECT DISTINCT state FROM run") == ["COMPLETED"]
    assert switch.most == 3
    assert await count(bench.store, "connection_slot") == 3


async def test_a_dead_workers_places_come_free_with_its_lease(bench: Bench, switch: Switch) -> None:
    switch.mood = "hanging"
    await switch.on()
    await connected(bench, switch, max_in_flight=2)
    await many(bench, 4)
    first = worker(bench)

    await reached(bench.store, "connection_slot WHERE node_run_id IS NOT NULL", 2)
    first.send(signal.SIGKILL)
    await first.end()
    switch.mood = "well"
    switch.released.set()
    worker(bench)
    await reached(bench.store, ENDED, 4, 60)
    assert await column(bench.store, "SELECT DISTINCT state FROM run") == ["COMPLETED"]


async def test_a_limit_per_minute_holds_over_two_workers(bench: Bench, switch: Switch) -> None:
    """120 a minute: two a second at most, and what was saved up in five seconds."""
    await switch.on()
    fire = drawing({"t": ("RemoteWebhook", REMOTE | {"enablePolling": False})})
    await connected(bench, switch, max_per_minute=120)
    for _ in range(2):
        worker(bench)
    await many(bench, 12, fire)
    await reached(bench.store, ENDED, 12, 60)
    first = switch.starts[0]
    assert all(number <= 2 * (at - first) + 11 for number, at in enumerate(switch.starts))
    rows = await column(bench.store, "SELECT rated_at FROM breaker")
    assert len(rows) == 1 and rows[0] is not None

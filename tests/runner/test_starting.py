"""A start goes as far as it can before it is stored: the run is what it would have become without that, in fewer commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from runner.dispatcher import Dispatcher
from runner.engine import Engine
from runner.model import Graph, Scope
from runner.store import Store
from runner.store.claims import Claim
from runner.tables import node_attempt, node_run, run_event, wait
from tests.faults.bench import BY, begin, drawing, mapper, node_rows, run_row, until
from tests.faults.invariants import violations
from tests.receiver import Receiver
from tests.runner.test_ahead import writers

ENDED = ("COMPLETED", "FAILED", "CANCELLED")
SLOW = "{{ data.n + 1 }}"  # needs a renderer
CHAIN = {name: mapper("input.n" if name == "a" else "data.n", "n") for name in "abc"}
FORK: dict[str, Any] = {
    "a": ("Condition", {"expression": "{{ input.n }}"}),
    "b": mapper("input.n", "yes"),
    "c": ("WaitForCallback", {}),
    "d": mapper("nodes.b.output.yes", "d"),
}
DRAWINGS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "one node": ({"a": mapper("input.n", "n")}, ()),
    "a chain": (CHAIN, ("a>b", "b>c")),
    "a way that is not taken, with a wait": (FORK, ("a:true>b", "a:false>c", "b>d", "c>d")),
    "two ends": ({**CHAIN, "d": mapper("data.n", "n")}, ("a>b", "b>c", "a>d")),
    "two beginnings": (CHAIN, ("a>c", "b>c")),
    "a limit": ({"a": ("DataMapper", {"mappings": [], "deadline": 60_000}), "b": mapper()}, ("a>b",)),
    "lines of its own": ({"a": mapper("input.missing", "n"), "b": mapper()}, ("a>b",)),
    "a slow template": ({**CHAIN, "b": ("Condition", {"expression": SLOW})}, ("a>b", "b:true>c")),
    "a fault at once": ({"a": ("Condition", {"expression": "{{ input.nothing }}"})}, ()),
    "a fault that goes on": (
        {"a": ("Condition", {"expression": "{{ data.nothing }}", "onError": "route"}), "b": mapper("data")},
        ("a:error>b",),
    ),
    "a fault later": ({**CHAIN, "b": ("Condition", {"expression": "{{ data.x.y }}"})}, ("a>b", "b:true>c")),
    "longer than is gone ahead": (
        {f"n{at}": mapper("input.n", "n") for at in range(40)},
        tuple(f"n{at}>n{at + 1}" for at in range(39)),
    ),
}


@asynccontextmanager
async def working(engine: Engine) -> AsyncGenerator[None]:
    """The engine serves in this process while the block lasts."""
    stop = asyncio.Event()
    serving = asyncio.create_task(engine.run(stop))
    try:
        await asyncio.sleep(0)
        yield
    finally:
        stop.set()
        await serving


def calling(receiver: Receiver) -> Graph:
    """A mapper, and a call with what it gives."""
    return drawing(
        {"a": mapper("input.n", "n"), "b": ("RemoteWebhook", {"url": receiver.url + "/ok"})}, "a>b"
    )


async def ended(store: Store, run_id: UUID) -> None:
    async def over() -> bool:
        return (await run_row(store, run_id)).state in ENDED

    await until(over)


async def told(store: Store, run_id: UUID) -> dict[str, Any]:
    """All that is kept of a run, but for its times and ids."""
    row = await run_row(store, run_id)
    fields = "node_id type label limit_seconds state work epoch attempt takeovers reused fresh input output port error waiting memo"
    async with store.database.begin() as connection:
        asked = select(node_run).where(node_run.c.run_id == run_id).order_by(node_run.c.id)
        nodes = (await connection.execute(asked)).all()
        attempts = (
            await connection.execute(
                select(node_run.c.node_id, node_attempt)
                .join(node_run, node_run.c.id == node_attempt.c.node_run_id)
                .where(node_run.c.run_id == run_id)
                .order_by(node_run.c.node_id)
            )
        ).all()
        lines = (
            await connection.execute(
                select(run_event).where(run_event.c.run_id == run_id).order_by(run_event.c.seq)
            )
        ).all()
        waits = (await connection.execute(select(wait.c.state).where(wait.c.run_id == run_id))).all()
    return {
        "run": [row.state, row.output, row.error and row.error["code"], row.event_seq, row.started_at is None,
                row.finished_at is None],
        "nodes": [
            {
                **{name: getattr(node, name) for name in fields.split()},
                "times": [at is None for at in (node.started_at, node.finished_at, node.deadline_at, node.lease_until)],
            }
            for node in nodes
        ],
        "attempts": [
            (a.node_id, a.attempt, a.outcome, a.error, a.exchanges, a.finished_at is None) for a in attempts
        ],
        "lines": [
            (e.seq, e.kind, e.level, e.node_id, e.source, e.message, None if e.kind == "run.dead_letter" else e.data)
            for e in lines
        ],
        "waits": [each.state for each in waits],
    }  # fmt: skip


def whole(found: dict[str, Any], *, in_order: bool) -> dict[str, Any]:
    """Where several ways are walked at once, their lines come in any order."""
    if in_order:
        return found
    return {**found, "lines": sorted(str(line[1:]) for line in found["lines"])}


@pytest.mark.parametrize("name", DRAWINGS)
async def test_the_run_is_the_same(store: Store, scope: Scope, engine: Engine, name: str) -> None:
    nodes, wires = DRAWINGS[name]
    drawn = drawing(nodes, *wires)
    by_hand = await begin(store, scope, drawn, {"n": 7})
    await engine.run_until_idle()
    async with working(engine):
        at_once = await begin(store, scope, drawn, {"n": 7})
        await ended(store, at_once)
    in_order = not name.startswith("two")
    expected = whole(await told(store, by_hand), in_order=in_order)
    assert whole(await told(store, at_once), in_order=in_order) == expected
    assert await violations(store.database) == {}


@pytest.mark.parametrize(
    ("name", "commits"),
    [("one node", 1), ("a chain", 1), ("a way that is not taken, with a wait", 1), ("a slow template", 2)],
)
async def test_what_is_pure_is_stored_with_the_run(
    store: Store, scope: Scope, engine: Engine, name: str, commits: int
) -> None:
    nodes, wires = DRAWINGS[name]
    async with working(engine):
        run_id = await begin(store, scope, drawing(nodes, *wires), {"n": 7})
        if commits == 1:
            assert (await run_row(store, run_id)).state == "COMPLETED", "when the start is answered"
        await ended(store, run_id)
    async with store.database.begin() as connection:
        began = await connection.scalar(
            text("SELECT CAST(xmin AS text) FROM run_event WHERE run_id = :id AND seq = 1"), {"id": run_id}
        )
    wrote = await writers(store, run_id)
    assert wrote["a"] == began
    assert len({*wrote.values()}) == commits


async def test_a_call_leaves_only_after_the_run_is_stored(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    async with working(engine):
        run_id = await begin(store, scope, calling(receiver), {"n": 7})
        await ended(store, run_id)
    assert receiver.bodies == [{"n": 7}]
    assert (await run_row(store, run_id)).state == "COMPLETED"
    rows, wrote = await node_rows(store, run_id), await writers(store, run_id)
    assert wrote["a"] != wrote["b"] and (rows["b"].attempt, rows["b"].takeovers) == (1, 0)


async def test_who_is_cut_off_over_a_start_leaves_it_to_no_lease(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    made = await store.orchestrators.create(scope, "cut off", "", calling(receiver))
    async with working(engine):
        async with store.database.begin() as connection:
            await connection.execute(text("LOCK TABLE run_event IN EXCLUSIVE MODE"))
            start = asyncio.create_task(store.runs.create(scope, made.id, {"n": 7}, trigger=BY))

            async def waits() -> bool:
                asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%WITH begun%'"
                async with store.database.begin() as other:
                    return bool(await other.scalar(text(asked)))

            await until(waits)
            start.cancel()
            await asyncio.gather(start, return_exceptions=True)
        found: list[UUID] = []

        async def stored() -> bool:
            async with store.database.begin() as other:
                found.extend(await other.scalars(text("SELECT id FROM run")))
            return bool(found)

        await until(stored)
        run_id = found[0]
        await ended(store, run_id)
    assert (await node_rows(store, run_id))["b"].takeovers == 0
    assert receiver.bodies == [{"n": 7}]


async def test_without_room_the_next_node_is_for_whoever_comes(
    store: Store, scope: Scope, receiver: Receiver
) -> None:
    """And none is promised twice."""
    taken: list[Claim] = []

    async def work(claim: Claim) -> int:
        taken.append(claim)
        return 0

    dispatcher = Dispatcher(store, work, {}, concurrency=2, lease=5.0)
    with dispatcher.place() as one, dispatcher.place() as two, dispatcher.place() as three:
        assert one is not None and two is not None and three is None
    with dispatcher.place() as again:
        assert again is not None
    run_id = await begin(store, scope, calling(receiver), {"n": 7})
    (claim,) = (await store.claims.take(1, lease=5.0)).claims
    stop = asyncio.Event()
    serving = asyncio.create_task(dispatcher.run(stop, grace=1.0, stopping=lambda: None))
    await asyncio.sleep(0)
    with dispatcher.place() as place:
        stop.set()
        await asyncio.sleep(0.05)
        with dispatcher.place() as late:
            assert late is None, "it takes nothing more"
        assert place is not None and not serving.done(), "what was promised is waited for"
        place(claim)
    await serving
    assert [each.run_id for each in taken] == [run_id]


async def test_what_comes_after_the_grace_is_left_to_its_lease(
    store: Store, scope: Scope, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The process is ending: a call that began now would be cut off half way."""
    taken: list[Claim] = []

    async def work(claim: Claim) -> int:
        taken.append(claim)
        return 0

    dispatcher = Dispatcher(store, work, {}, concurrency=2, lease=5.0)
    run_id = await begin(store, scope, calling(receiver), {"n": 7})
    (claim,) = (await store.claims.take(1, lease=5.0)).claims
    stop = asyncio.Event()
    stop.set()
    with dispatcher.place() as place:
        assert place is not None
        await dispatcher.run(stop, grace=0.05, stopping=lambda: None)
        place(claim)
        await asyncio.sleep(0.05)
    assert taken == [] and "left until its lease ends" in caplog.text
    assert (await node_rows(store, run_id))["a"].work == "leased"


async def test_while_the_engine_is_full_runs_wait_their_turn(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    made = await store.orchestrators.create(scope, "many", "", calling(receiver))
    async with working(engine):
        ids = await asyncio.gather(
            *(store.runs.create(scope, made.id, {"n": n}, trigger=BY) for n in range(200))
        )
        for run_id in ids:
            await ended(store, run_id)
    assert sorted(body["n"] for body in receiver.bodies) == list(range(200))
    assert await violations(store.database) == {}


async def test_after_the_stop_a_start_leaves_all_to_others(
    store: Store, scope: Scope, engine: Engine
) -> None:
    drawn: Graph = drawing(CHAIN, "a>b", "b>c")
    async with working(engine):
        pass
    run_id = await begin(store, scope, drawn, {"n": 7})
    assert (await run_row(store, run_id)).state == "PENDING"
    await engine.run_until_idle()
    assert (await run_row(store, run_id)).output == {"n": 7}

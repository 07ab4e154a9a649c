"""Two things at once: cancels against everything, heartbeats, workers at one join. Callbacks against parks, deadlines and each
other are `tests/faults`."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import func, select

from providers import discover
from runner.database import Database
from runner.engine import Engine, EngineOptions
from runner.model import RunState, Scope
from runner.platforms import Platforms
from runner.store import Store
from runner.tables import node_run, run, run_event
from runner.template import Templates
from runner.vault import Vault
from tests.faults.bench import BY, begin, drawing, mapper, run_row, token_of, until
from tests.faults.invariants import violations

KEY = bytes(range(32))
LOOPBACK = ("127.0.0.0/8",)
WAIT: tuple[str, dict[str, Any]] = ("WaitForCallback", {"timeout": 60_000})


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with opened(database_url) as made:
        yield made


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Store]:
    """A store of its own pool, as another process would have."""
    database = Database(url, size=8, reserve=4)
    yield Store(database, Vault([("test", KEY)]), discover())
    await database.aclose()


@asynccontextmanager
async def serving(*stores: Store, lease: float = 2.0) -> AsyncGenerator[None]:
    """One engine on each store, working by itself until the block ends."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        tasks: list[asyncio.Task[None]] = []
        for store in stores:
            templates = await stack.enter_async_context(Templates())
            platforms = Platforms(store.connections, discover(), egress_allow=LOOPBACK)
            stack.push_async_callback(platforms.aclose)
            engine = Engine(
                store,
                platforms,
                templates,
                EngineOptions(
                    "http://127.0.0.1:8000", lease=lease, grace=5.0, allow=LOOPBACK, concurrency=16
                ),
            )
            stack.push_async_callback(engine.aclose)
            tasks += [asyncio.create_task(engine.run(stop)), asyncio.create_task(store.bell.run(stop))]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)


async def states(store: Store) -> Counter[str]:
    async with store.database.begin() as connection:
        rows = await connection.execute(select(run.c.state, func.count()).group_by(run.c.state))
        return Counter({state: count for state, count in rows})


async def all_final(store: Store) -> bool:
    return all(RunState(state).final for state in await states(store))


async def test_a_callback_accepted_in_time_counts_however_late_a_worker_comes(
    store: Store, scope: Scope, engine: Engine
) -> None:
    run_id = await begin(store, scope, drawing({"wait": ("WaitForCallback", {"deadline": 300})}))
    await engine.run_until_idle()
    token = await token_of(store, scope, run_id, "wait")
    assert (await store.waits.signal(run_id, token, {"x": 1})).kind == "accepted"

    async def overdue() -> bool:
        async with store.database.begin() as connection:
            late = select(node_run.c.deadline_at < func.clock_timestamp())
            return bool(await connection.scalar(late))

    await until(overdue)
    await engine.run_until_idle()
    assert (await run_row(store, run_id)).output == {"x": 1}


async def test_nothing_starts_after_a_cancel(store: Store, scope: Scope) -> None:
    """240 cancels at random moments against settles, callbacks, and runs that start runs."""
    chance = random.Random(13)
    inner = await store.orchestrators.create(
        scope, "inner", "", drawing({"i": mapper("input.n"), "j": mapper("data.end")}, "i>j")
    )
    graph = drawing(
        {
            "a": mapper("input.n"),
            "b": mapper("data.end"),
            "flow": ("LocalFlow", {"flowId": str(inner.id), "inputTemplate": "{{ input }}"}),
            "wait": WAIT,
            "end": mapper("data.wait"),
        },
        "a>b",
        "a>flow",
        "a>wait",
        "b>end",
        "flow>end",
        "wait>end",
    )

    async def one(n: int) -> None:
        run_id = await begin(store, scope, graph, {"n": n})
        token = await token_of(store, scope, run_id, "wait")

        async def call_back() -> None:
            await asyncio.sleep(chance.uniform(0, 0.2))
            assert (await store.waits.signal(run_id, token, {"n": n})).kind in ("accepted", "gone")

        async def cancel() -> None:
            # At a random point of its history, so that a busy machine changes nothing; some runs get to their end first.
            moment = chance.randint(1, 24)

            async def reached() -> bool:
                row = await run_row(store, run_id)
                return row.event_seq >= moment or row.finished_at is not None

            await until(reached)
            await store.runs.cancel(scope, run_id)
            row = await run_row(store, run_id)
            assert row.state in ("CANCELLED", "COMPLETED")
            async with store.database.begin() as connection:
                children = select(run.c.state).join(node_run, run.c.parent_node_run_id == node_run.c.id)
                found = (await connection.scalars(children.where(node_run.c.run_id == run_id))).all()
            assert all(RunState(state).final for state in found)

        await asyncio.gather(call_back(), cancel())

    async with serving(store, lease=0.3):  # a heartbeat every 0.1 s meets them too
        for start in range(0, 240, 12):
            await asyncio.gather(*(one(n) for n in range(start, start + 12)))
    assert await all_final(store)
    seen = await states(store)
    assert seen["CANCELLED"] > 50 and seen["COMPLETED"] > 50 and set(seen) == {"CANCELLED", "COMPLETED"}, seen
    assert await violations(store.database) == {}


async def test_heartbeats_and_cancels_never_wait_in_a_circle(store: Store, scope: Scope) -> None:
    graph = drawing({f"n{n}": mapper("input.n") for n in range(12)})
    for _ in range(25):
        run_id = await begin(store, scope, graph)
        claims = list((await store.claims.take(100, lease=5.0)).claims)
        assert len(claims) == 12
        random.Random(3).shuffle(claims)

        async def beat(claims: Any = claims) -> None:
            for _ in range(6):
                await store.claims.extend(claims, lease=5.0)

        await asyncio.gather(beat(), beat(), store.runs.cancel(scope, run_id))
    assert await states(store) == {"CANCELLED": 25}


async def test_a_join_starts_once_whoever_comes_last(store: Store, scope: Scope, database_url: str) -> None:
    """50 runs of 30 parallel nodes into one, on two engines: no wake-up lost, no join started twice."""
    names = [f"p{n}" for n in range(30)]
    graph = drawing(
        {
            "a": mapper("input.n", "n"),
            **{n: mapper("data.n", "n") for n in names},
            "join": mapper("data.p7.n"),
        },
        *(f"a>{n}" for n in names),
        *(f"{n}>join" for n in names),
    )
    made = await store.orchestrators.create(scope, "wide", "", graph)
    async with opened(database_url) as other, serving(store, other):
        ids = [await store.runs.create(scope, made.id, {"n": n}, trigger=BY) for n in range(50)]

        async def all_ended() -> bool:
            return await all_final(store)

        await until(all_ended, 50)
    for number, run_id in enumerate(ids):
        assert (await run_row(store, run_id)).output == {"end": number}
    async with store.database.begin() as connection:
        joins = select(node_run.c.epoch, node_run.c.attempt).where(node_run.c.node_id == "join")
        assert (await connection.execute(joins)).all() == [(1, 1)] * 50
        started = select(func.count()).where(
            run_event.c.kind == "node.started", run_event.c.node_id == "join"
        )
        assert await connection.scalar(started) == 50
    assert await violations(store.database) == {}

"""Two things at once: callbacks against parks, deadlines and each other, cancels against everything, workers at one join."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from providers import discover
from providers.sandbox._asgi import Ask, Reply
from runner.database import Database
from runner.engine import Engine, EngineOptions
from runner.model import RunState, Scope
from runner.platforms import Platforms
from runner.store import Store
from runner.tables import callback_audit, node_attempt, node_run, run, run_event, wait
from runner.template import Templates
from runner.vault import Vault
from tests.faults.bench import BY, begin, drawing, mapper, run_row, token_of, until
from tests.faults.invariants import violations
from tests.receiver import Receiver
from tests.serving import served

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


class Caller(Receiver):
    """`/back` calls back inside its own handler, before it answers; `/around` answers and calls back at random moments."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.verdicts: list[str] = []
        self.random = random.Random(7)
        self.route("POST", "/back", self._back)
        self.route("POST", "/around", self._around)

    async def _call_back(self, ask: Ask, seconds: float) -> None:
        await asyncio.sleep(seconds)
        run_id = UUID(ask.headers["x-baton-key"].split("/")[0])
        verdict = await self.store.waits.signal(run_id, ask.json()["token"], {"run": str(run_id)})
        self.verdicts.append(verdict.kind)

    async def _back(self, ask: Ask) -> Reply:
        await self._call_back(ask, 0)
        return Reply(200, {"started": True})

    async def _around(self, ask: Ask) -> Reply:
        self.spawn(self._call_back(ask, self.random.uniform(0, 0.05)))
        await asyncio.sleep(self.random.uniform(0, 0.05))
        return Reply(200, {"started": True})


async def test_a_callback_is_never_too_early(store: Store, scope: Scope) -> None:
    """150 callbacks before the request that causes them is answered, 150 around the moment of the park."""
    caller = Caller(store)
    async with served(caller) as url, serving(store):
        graphs = [
            drawing(
                {
                    "ask": ("RemoteWebhook", {"url": url + path, "bodyTemplate": "{{ callback }}"}),
                    "wait": WAIT,
                },
                "ask>wait",
            )
            for path in ("/back", "/around")
        ]
        ids: list[UUID] = []
        for _ in range(15):
            ids += await asyncio.gather(*(begin(store, scope, graphs[n % 2]) for n in range(20)))

        async def all_ended() -> bool:
            return await all_final(store)

        await until(all_ended, 40)
    assert caller.verdicts == ["accepted"] * 300
    assert await states(store) == {"COMPLETED": 300}
    async with store.database.begin() as connection:
        outputs = {r.id: r.output for r in await connection.execute(select(run.c.id, run.c.output))}
        waits = select(node_attempt.c.attempt).join(node_run).where(node_run.c.node_id == "wait")
        assert (await connection.scalars(waits)).all() == [1] * 300
    assert outputs == {run_id: {"run": str(run_id)} for run_id in ids}
    assert await violations(store.database) == {}


async def test_equal_callbacks_at_once_resume_once(store: Store, scope: Scope, engine: Engine) -> None:
    graph = drawing({"wait": WAIT, "z": mapper("data.n")}, "wait>z")
    ids = [await begin(store, scope, graph) for _ in range(200)]
    await engine.run_until_idle()
    for run_id in ids:
        token = await token_of(store, scope, run_id, "wait")
        verdicts = await asyncio.gather(*(store.waits.signal(run_id, token, {"n": n}) for n in range(16)))
        assert Counter(v.kind for v in verdicts) == {"accepted": 1, "duplicate": 15}
    await engine.run_until_idle()
    assert await states(store) == {"COMPLETED": 200}
    async with store.database.begin() as connection:
        kept = select(callback_audit.c.verdict, func.count()).group_by(callback_audit.c.verdict)
        assert {verdict: n for verdict, n in await connection.execute(kept)} == {
            "accepted": 200,
            "duplicate": 3000,
        }
        resumed = select(run_event.c.run_id).where(run_event.c.kind == "callback.accepted")
        assert sorted((await connection.scalars(resumed)).all()) == sorted(ids)
        epochs = select(node_run.c.epoch).where(node_run.c.node_id == "wait")
        assert set((await connection.scalars(epochs)).all()) == {2}
    assert await violations(store.database) == {}


async def test_of_callback_and_deadline_one_wins(store: Store, scope: Scope) -> None:
    """200 callbacks within 5 ms of their wait's deadline, on either side."""
    chance = random.Random(11)
    graph = drawing({"wait": ("WaitForCallback", {"timeout": 1500})})
    verdicts: dict[UUID, str] = {}

    async def call(run_id: UUID, deadline: datetime) -> None:
        token = await token_of(store, scope, run_id, "wait")
        moment = deadline.timestamp() + chance.uniform(-0.005, 0.005)
        await asyncio.sleep(max(0.0, moment - datetime.now(UTC).timestamp()))
        verdicts[run_id] = (await store.waits.signal(run_id, token, {"here": True})).kind

    async def batch() -> None:
        ids = await asyncio.gather(*(begin(store, scope, graph) for _ in range(40)))
        deadlines: dict[UUID, datetime] = {}

        async def parked() -> bool:
            async with store.database.begin() as connection:
                found = select(wait.c.run_id, wait.c.deadline_at).where(wait.c.deadline_at.is_not(None))
                deadlines.update({r.run_id: r.deadline_at for r in await connection.execute(found)})
            return set(ids) <= deadlines.keys()

        await until(parked)
        await asyncio.gather(*(call(run_id, deadlines[run_id]) for run_id in ids))

    async with serving(store):
        for _ in range(5):
            await batch()

        async def all_ended() -> bool:
            return await all_final(store)

        await until(all_ended)
    assert set(verdicts.values()) == {"accepted", "gone"}
    for run_id, verdict in verdicts.items():
        row = await run_row(store, run_id)
        if verdict == "accepted":
            assert (row.state, row.output) == ("COMPLETED", {"here": True})
        else:
            assert (row.state, row.error["code"]) == ("FAILED", "callback-timeout")
    async with store.database.begin() as connection:  # the loser is kept too
        lost = await connection.scalar(select(func.count()).where(callback_audit.c.verdict == "gone"))
    assert lost == Counter(verdicts.values())["gone"]
    assert await violations(store.database) == {}


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

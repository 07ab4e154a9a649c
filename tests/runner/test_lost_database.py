"""A database whose connections break, again and again, while runs are under way: nothing lost, nobody has to do anything."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from runner.database import Database
from runner.engine import Engine
from runner.errors import Contended, Unreachable
from runner.model import Scope
from runner.store import Store
from tests.faults.bench import begin, drawing, events, mapper, node_rows, run_row, token_of, until
from tests.faults.invariants import violations
from tests.receiver import Receiver


async def cut_all(database_url: str) -> None:
    """End every other connection to this database, as a restart of Postgres does."""
    own = Database(database_url, size=1, reserve=0)
    mine = await own.raw()
    try:
        await mine.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await mine.close()
        await own.aclose()


async def test_an_answer_is_recorded_though_the_connections_broke_meanwhile(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver, database_url: str
) -> None:
    """The call is not safe to repeat: its answer must outlive the connection it would have been written by."""
    graph = drawing({"t": ("RemoteWebhook", {"url": receiver.url + "/hang", "bodyTemplate": "{{ data }}"})})
    run_id = await begin(store, scope, graph)
    working = asyncio.create_task(engine.run_until_idle())

    async def called() -> bool:
        return bool(receiver.got)

    await until(called)
    await cut_all(database_url)
    receiver.released.set()
    await working
    assert (await run_row(store, run_id)).state == "COMPLETED"
    assert len(receiver.got) == 1


async def test_runs_go_on_by_themselves_however_often_the_connections_break(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver, database_url: str
) -> None:
    graph = drawing(
        {
            "a": (
                "RemoteWebhook",
                {"url": receiver.url + "/ok", "bodyTemplate": "{{ data }}", "idempotent": True},
            ),
            "d": ("Delay", {"duration": 300}),
            "w": ("WaitForCallback", {"timeout": 60_000}),
            "z": mapper("data"),
        },
        "a>d",
        "a>w",
        "d>z",
        "w>z",
    )
    ids = [await begin(store, scope, graph, {"n": n}) for n in range(20)]
    tokens = [await token_of(store, scope, run_id, "w") for run_id in ids]
    stop = asyncio.Event()
    serving = [asyncio.create_task(engine.run(stop)), asyncio.create_task(store.bell.run(stop))]
    try:

        async def call_back(number: int) -> None:
            async def taken() -> bool:
                try:
                    verdict = await store.waits.signal(ids[number], tokens[number], {"n": number})
                except Unreachable:  # what a client is told with a 503, and tries again
                    return False
                return verdict.kind in ("accepted", "duplicate")

            await asyncio.sleep(0.1 * number)
            await until(taken)

        async def break_them() -> None:
            for _ in range(6):
                await asyncio.sleep(0.4)
                await cut_all(database_url)

        await asyncio.gather(break_them(), *(call_back(n) for n in range(20)))

        async def all_ended() -> bool:
            try:
                return all([(await run_row(store, i)).finished_at is not None for i in ids])
            except Unreachable:  # our own pool meets its broken connections one by one
                return False

        await until(all_ended, 30)
        assert not any(task.done() for task in serving)
    finally:
        stop.set()
        await asyncio.gather(*serving)
    for number, run_id in enumerate(ids):
        assert (await run_row(store, run_id)).output == {
            "end": {"d": {"echo": {"n": number}}, "w": {"n": number}}
        }
    assert await violations(store.database) == {}


async def test_a_cancel_closes_the_call_in_flight(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    graph = drawing({"t": ("RemoteWebhook", {"url": receiver.url + "/hang", "bodyTemplate": "{{ data }}"})})
    run_id = await begin(store, scope, graph)
    stop = asyncio.Event()
    serving = asyncio.create_task(engine.run(stop))
    try:

        async def called() -> bool:
            return bool(receiver.got)

        await until(called)
        assert engine.busy == 1
        await store.runs.cancel(scope, run_id)

        async def let_go() -> bool:
            return engine.busy == 0

        await until(let_go, 5)  # nobody ever answers that call
    finally:
        stop.set()
        await serving
    assert (await node_rows(store, run_id))["t"].state == "CANCELLED"
    assert [e.kind for e in await events(store, run_id)].count("node.discarded") == 1


async def test_a_sweep_outlives_any_fault(
    store: Store, scope: Scope, engine: Engine, monkeypatch: Any, caplog: Any
) -> None:
    """A timer whose first sweeps break still fires."""
    run_id = await begin(store, scope, drawing({"t": ("Delay", {"duration": 50})}), {"n": 1})
    await engine.run_until_idle()
    fire, broken = store.due.fire, 0

    async def breaking(*args: Any) -> int:
        nonlocal broken
        broken += 1
        if broken <= 2:
            async with store.database.begin() as connection:
                await connection.execute(text("SELECT 1/0"))
        if broken == 3:
            raise RuntimeError("nobody thought of this")
        return await fire(*args)

    monkeypatch.setattr(store.due, "fire", breaking)
    stop = asyncio.Event()
    serving = asyncio.create_task(engine.run(stop))
    try:

        async def ended() -> bool:
            return (await run_row(store, run_id)).state == "COMPLETED"

        await until(ended)
    finally:
        stop.set()
        await serving
    assert broken > 3


async def test_of_two_changes_that_wait_for_each_other_one_gives_way(store: Store) -> None:
    """Told apart from every other fault: nothing was written, and the same again will do."""
    async with store.database.begin() as connection:
        await connection.execute(text("CREATE TABLE pair (n int PRIMARY KEY)"))
        await connection.execute(text("INSERT INTO pair VALUES (1), (2)"))
    lock = "SELECT n FROM pair WHERE n = {} FOR UPDATE"
    both = asyncio.Barrier(2)

    async def patient() -> None:
        async with store.database.begin() as connection:
            await connection.execute(text("SET LOCAL deadlock_timeout = '60s'"))
            await connection.execute(text(lock.format(1)))
            await both.wait()
            await connection.execute(text(lock.format(2)))

    async def hasty() -> None:
        async with store.database.begin() as connection:
            await connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            await connection.execute(text(lock.format(2)))
            await both.wait()
            await connection.execute(text(lock.format(1)))

    done, met = await asyncio.gather(patient(), hasty(), return_exceptions=True)
    assert done is None and isinstance(met, Contended), (done, met)

    async def hasty_and_fast() -> None:
        async with store.database.fast() as connection, connection.transaction():
            await connection.execute("SET LOCAL deadlock_timeout = '10ms'")
            await connection.execute(lock.format(2))
            await both.wait()
            await connection.execute(lock.format(1))

    done, met = await asyncio.gather(patient(), hasty_and_fast(), return_exceptions=True)
    assert done is None and isinstance(met, Contended), (done, met)

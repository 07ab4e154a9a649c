"""How fast the engine is on this machine, against the limit of the same Postgres measured in the same session.

    .venv/bin/python -m benchmarks.engine [--runs 300] [--waits 200]

Five-node runs: A (pure) -> B (HTTP to a local echo) -> C (waits for a callback) -> D (pure) -> E (pure), every node a durable
step. Prints runs/s, node transitions/s, callback -> next node p50/p99, CPU per run, and single-row commits/s of the same
cluster as the yardstick: compare ratios, not absolutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import secrets
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from sqlalchemy import select

from app.migrate import upgrade
from app.postgres import EmbeddedPostgres
from benchmarks._echo import echo_elsewhere
from providers import discover
from runner import tokens
from runner.database import Database
from runner.engine import Engine, EngineOptions
from runner.model import Graph, Role, Scope, TriggerInfo
from runner.platforms import Platforms
from runner.store import Store
from runner.tables import node_run, run, workspace
from runner.template import Templates
from runner.vault import Vault

BY = TriggerInfo(kind="api", by="bench")
NODES = 5


def chain(url: str, *, wait: bool = True) -> Graph:
    def mapper(source: str) -> dict[str, Any]:
        return {"mappings": [{"from": source, "to": "n"}]}

    nodes: list[tuple[str, str, dict[str, Any]]] = [
        ("a", "DataMapper", mapper("input.n")),
        ("b", "RemoteWebhook", {"url": url + "/ok"}),
        ("c", "WaitForCallback", {}) if wait else ("c", "DataMapper", mapper("data.echo.n")),
        ("d", "DataMapper", mapper("data.n")),
        ("e", "DataMapper", mapper("data.n")),
    ]
    return Graph.model_validate(
        {
            "version": 1,
            "nodes": [{"id": i, "type": t, "data": {"label": i, "config": c}} for i, t, c in nodes],
            "edges": [{"id": f"{x}{y}", "source": x, "target": y} for x, y in ("ab", "bc", "cd", "de")],
        }
    )


async def all_in(store: Store, ids: list[UUID], states: tuple[str, ...]) -> bool:
    async with store.database.begin() as connection:
        found = (await connection.scalars(select(run.c.state).where(run.c.id.in_(ids)))).all()
    return all(s in states for s in found)


async def settle_down(store: Store, ids: list[UUID], *states: str) -> None:
    while not await all_in(store, ids, states):
        await asyncio.sleep(0.05)


async def commits_per_second(address: dict[str, Any], seconds: float = 2.0) -> float:
    """Single-row durable commits on eight connections: what the disk allows."""
    driver: Any = asyncpg  # its functions carry no usable types
    pool = await driver.create_pool(min_size=8, max_size=8, **address)
    await pool.execute("CREATE TABLE IF NOT EXISTS bench_commit (id bigserial PRIMARY KEY, n int)")
    until = time.perf_counter() + seconds
    done = 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await pool.execute("INSERT INTO bench_commit (n) VALUES (1)")
            done += 1

    await asyncio.gather(*(one() for _ in range(8)))
    await pool.close()
    return done / seconds


async def gathered(work: list[Any], at_once: int) -> None:
    slots = asyncio.Semaphore(at_once)

    async def one(item: Any) -> None:
        async with slots:
            await item

    await asyncio.gather(*(one(item) for item in work))


async def main(runs: int, waits: int) -> None:
    with tempfile.TemporaryDirectory() as folder, echo_elsewhere() as echo:
        async with EmbeddedPostgres(Path(folder) / "postgres") as url:
            print(json.dumps(await measure(url, echo, runs, waits), indent=2))


async def measure(url: str, echo: str, runs: int, waits: int) -> dict[str, float]:
    """Every figure, on an empty database."""
    await upgrade(url)
    database = Database(url, size=16)
    store = Store(database, Vault([("bench", secrets.token_bytes(32))]), discover())
    platforms = Platforms(store.connections, discover(), egress_allow=("127.0.0.0/8",))
    async with Templates() as templates:
        async with database.begin() as connection:
            found = await connection.scalar(select(workspace.c.id))
        assert found is not None
        scope = Scope(found, "bench", Role.ADMIN)
        options = EngineOptions("http://127.0.0.1:1", concurrency=32, allow=("127.0.0.0/8",))
        engine = Engine(store, platforms, templates, options)
        limit = await commits_per_second(database._address())  # pyright: ignore[reportPrivateUsage]
        stop = asyncio.Event()
        serving = [asyncio.create_task(engine.run(stop)), asyncio.create_task(store.bell.run(stop))]
        report = {
            "commits_per_second": round(limit),
            **await throughput(store, scope, echo, runs),
            **await latency(store, scope, echo, waits),
        }
        report["transitions_per_commit"] = round(report["transitions_per_second"] / limit, 3)
        stop.set()
        await asyncio.gather(*serving)
        await engine.aclose()
    await platforms.aclose()
    await database.aclose()
    return report


async def throughput(store: Store, scope: Scope, echo: str, runs: int) -> dict[str, float]:
    made = await store.orchestrators.create(scope, "bench", "", chain(echo))
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    ids: list[UUID] = []

    async def one(number: int) -> None:
        ids.append(await store.runs.create(scope, made.id, {"n": number}, trigger=BY))

    await gathered([one(n) for n in range(runs)], 16)
    created = time.perf_counter() - began
    await settle_down(store, ids, "WAITING")
    async with store.database.begin() as connection:
        sealed = await connection.execute(select(run.c.id, run.c.sealed_seed).where(run.c.id.in_(ids)))
        found = {
            i: tokens.callback_token(store.waits.seed(scope.workspace_id, i, seed), "c") for i, seed in sealed
        }
    await gathered([store.waits.signal(i, token, {"n": 1}) for i, token in found.items()], 16)
    await settle_down(store, ids, "COMPLETED")
    took = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_ms = 1000 * (used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime) / runs
    return {
        "runs": runs,
        "runs_per_second": round(runs / took, 1),
        "transitions_per_second": round(NODES * runs / took, 1),
        "created_per_second": round(runs / created, 1),
        "process_cpu_ms_per_run": round(cpu_ms, 2),
    }


async def latency(store: Store, scope: Scope, echo: str, waits: int) -> dict[str, float]:
    """From the callback's arrival to the start of the node after it, one at a time on an idle engine, on Postgres's clock."""
    made = await store.orchestrators.create(scope, "bench-latency", "", chain(echo))
    ids = [await store.runs.create(scope, made.id, {"n": n}, trigger=BY) for n in range(waits)]
    await settle_down(store, ids, "WAITING")
    found: list[float] = []
    for run_id in ids:
        token = await _token(store, scope, run_id)
        began = time.perf_counter()
        await store.waits.signal(run_id, token, {"n": 1})
        while True:
            async with store.database.begin() as connection:
                row = (
                    await connection.execute(
                        select(node_run.c.started_at).where(
                            node_run.c.run_id == run_id, node_run.c.node_id == "d"
                        )
                    )
                ).one()
            if row.started_at is not None:
                found.append((time.perf_counter() - began) * 1000)
                break
    found.sort()
    return {
        "callback_to_next_node_p50_ms": round(statistics.median(found), 2),
        "callback_to_next_node_p99_ms": round(found[int(len(found) * 0.99) - 1], 2),
    }


async def _token(store: Store, scope: Scope, run_id: UUID) -> str:
    async with store.database.begin() as connection:
        sealed = await connection.scalar(select(run.c.sealed_seed).where(run.c.id == run_id))
    assert sealed is not None
    return tokens.callback_token(store.waits.seed(scope.workspace_id, run_id, sealed), "c")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--waits", type=int, default=200)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as `baton serve` does
        runner.run(main(given.runs, given.waits))

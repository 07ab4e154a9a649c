"""What runs that wait cost: memory and idle work of a worker, its start, and callbacks answered per second.

    .venv/bin/python -m benchmarks.parked [--runs 100000] [--calls 3000]

One run is started and waits for its callback; the others are copies of its rows, each with a token of its own. A web process
and a worker of their own, as they are installed, on one Postgres.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop
from sqlalchemy import text

from app.postgres import EmbeddedPostgres
from benchmarks._site import Site, cpu_seconds, memory_mb, site
from runner.database import Database
from tests.line import Line

IDLE = 20.0
"""Seconds over which idle work is measured."""
DEFINITION: dict[str, Any] = {
    "version": 1,
    "nodes": [
        {"id": "w", "type": "WaitForCallback", "data": {"label": "Wait", "config": {}}},
        {"id": "z", "type": "DataMapper", "data": {"label": "End", "config": {"mappings": [{"from": "data.n", "to": "n"}]}}},
    ],
    "edges": [{"id": "wz", "source": "w", "target": "z"}],
}  # fmt: skip
_COPIES = """
    WITH made AS (
        INSERT INTO run (id, workspace_id, orchestrator_id, revision, state, inputs, trigger_kind, trigger_by, labels, event_seq,
            started_at)
        SELECT uuidv7(), r.workspace_id, r.orchestrator_id, r.revision, r.state, r.inputs, r.trigger_kind, r.trigger_by, r.labels,
            r.event_seq, r.started_at
        FROM run r, generate_series(1, :count) WHERE r.id = :id RETURNING id, workspace_id
    ), nodes AS (
        INSERT INTO node_run (run_id, node_id, type, label, limit_seconds, state, work, epoch, attempt, fresh, memo, due_at, waiting,
            waiting_since, started_at)
        SELECT made.id, n.node_id, n.type, n.label, n.limit_seconds, n.state, n.work, n.epoch, n.attempt, n.fresh, n.memo, n.due_at,
            n.waiting, n.waiting_since, n.started_at
        FROM made, node_run n WHERE n.run_id = :id RETURNING id, run_id, node_id
    ), tries AS (
        INSERT INTO node_attempt (node_run_id, attempt) SELECT id, 1 FROM nodes WHERE node_id = 'w'
    ), lines AS (
        INSERT INTO run_event (run_id, seq, kind, level, node_id, source, message, data)
        SELECT made.id, e.seq, e.kind, e.level, e.node_id, e.source, e.message, e.data
        FROM made, run_event e WHERE e.run_id = :id
    )
    INSERT INTO wait (node_run_id, workspace_id, run_id, token_sha256, state, deadline_at)
    SELECT nodes.id, made.workspace_id, made.id, sha256(convert_to('parked-' || made.id, 'UTF8')), w.state, w.deadline_at
    FROM nodes JOIN made ON made.id = nodes.run_id, wait w WHERE nodes.node_id = 'w' AND w.run_id = :id
"""


async def main(runs: int, calls: int) -> None:
    figures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with EmbeddedPostgres(folder / "postgres") as url:
            with site(url, folder) as made:
                web = await asyncio.to_thread(made.serve, "--no-engine")
                worker = made.worker()
                api = await asyncio.to_thread(made.client)
                flow = api.need("POST", "/orchestrator", {"name": "parked", "definition": DEFINITION})
                database = Database(url, size=2, reserve=0, answer=None)
                first = await _parked(database, api, flow["id"])
                await asyncio.sleep(10)
                before = memory_mb(worker.pid)
                idle = await _idle(worker.pid)
                ids = await _copy(database, first, runs)
                await asyncio.sleep(10)
                after = memory_mb(worker.pid)
                figures["worker's memory, 1 and then all parked"] = f"{before:.1f} MB, {after:.1f} MB"
                figures["idle work of the worker, 1 and then all parked"] = (
                    f"{idle:.2f} %, {await _idle(worker.pid):.2f} % of a core"
                )
                worker.terminate()
                worker.wait(30)
                figures["a new worker's start to the end of the first run called back"] = await _first(
                    made, database, ids.pop()
                )
                figures |= await _calls(made, ids[:calls])
                figures["memory of the web process after them"] = f"{memory_mb(web.pid):.1f} MB"
                await database.aclose()
    print(f"| with {runs:,} runs that wait | figure |\n| --- | --- |")
    for what, found in figures.items():
        print(f"| {what} | {found} |")


async def _parked(database: Database, api: Any, flow: str) -> UUID:
    run_id = UUID(api.need("POST", f"/orchestrator/{flow}/run", {})["id"])
    while await _state(database, run_id) != "WAITING":
        await asyncio.sleep(0.05)
    return run_id


async def _state(database: Database, run_id: UUID) -> str:
    async with database.begin() as connection:
        return str(await connection.scalar(text("SELECT state FROM run WHERE id = :id"), {"id": run_id}))


async def _copy(database: Database, run_id: UUID, runs: int, at_once: int = 10_000) -> list[UUID]:
    for start in range(0, runs, at_once):
        async with database.begin() as connection:
            await connection.execute(text(_COPIES), {"id": run_id, "count": min(at_once, runs - start)})
    async with database.begin() as connection:
        await connection.execute(text("ANALYZE run, node_run, wait, run_event"))
        return list(await connection.scalars(text("SELECT id FROM run WHERE id <> :id"), {"id": run_id}))


async def _idle(pid: int) -> float:
    """Per cent of one core."""
    used = cpu_seconds(pid)
    await asyncio.sleep(IDLE)
    return 100 * (cpu_seconds(pid) - used) / IDLE


async def _first(made: Site, database: Database, run_id: UUID) -> str:
    began = time.perf_counter()
    made.worker()
    await _answered(made, run_id)
    while await _state(database, run_id) != "COMPLETED":
        await asyncio.sleep(0.01)
    return f"{time.perf_counter() - began:.2f} s"


async def _answered(made: Site, run_id: UUID) -> None:
    with await _line(made) as line:
        await _one(line, run_id)


async def _line(made: Site) -> Line:
    return await Line.open(f"http://127.0.0.1:{made.port}")


async def _one(line: Line, run_id: UUID) -> None:
    path = f"/api/v1/orchestrator/callback/{run_id}"
    answer = await line.post(path, b'{"n": 1}', {"X-Correlation-Token": f"parked-{run_id}"})
    assert answer.status == 202 and json.loads(answer.body) == {"accepted": True, "duplicate": False}, answer


async def _calls(made: Site, ids: list[UUID], at_once: int = 16) -> dict[str, str]:
    waiting, found = list(ids), list[float]()

    async def client() -> None:
        with await _line(made) as line:
            while waiting:
                began = time.perf_counter()
                await _one(line, waiting.pop())
                found.append(1000 * (time.perf_counter() - began))

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(at_once)))
    took = time.perf_counter() - began
    found.sort()
    return {
        f"callbacks answered, {at_once} at once, while the worker takes the runs on": f"{len(ids) / took:.0f}/s",
        "a callback's answer, p50 and p99": (
            f"{statistics.median(found):.1f} ms, {found[int(len(found) * 0.99) - 1]:.1f} ms"
        ),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=3000)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given.runs, given.calls))

"""Several workers on one Postgres, one of them killed again and again (G2, G12)."""

from __future__ import annotations

import asyncio
import signal
import time
from uuid import UUID

from sqlalchemy import func, select

from runner.tables import run, run_event
from tests.faults.bench import BY, drawing, mapper, until
from tests.faults.field import Field, hold
from tests.faults.parts.acks import outputs
from tests.faults.parts.workers import hook, killed

WORKERS = 3


async def killed_at_random(field: Field, *, seconds: float, every: float, rate: float) -> str:
    """Three workers under a steady load, one at random killed and replaced every so often: nothing is lost, and after each kill
    the others go on with runs that began after it."""
    graph = drawing(
        {"a": mapper("input.n", "n"), "b": hook(field, "/slow"), "c": mapper("data.echo.n", "n")},
        "a>b",
        "b>c",
    )
    made = await field.store.orchestrators.create(field.scope, "load", "", graph)
    workers = [field.worker(concurrency=8) for _ in range(WORKERS)]
    expected: dict[UUID, int] = {}
    over = asyncio.Event()

    async def load() -> None:
        began = time.monotonic()
        while not over.is_set():
            if len(expected) < (time.monotonic() - began) * rate:
                number = len(expected)
                run_id = await field.store.runs.create(field.scope, made.id, {"n": number}, trigger=BY)
                expected[run_id] = number
            else:
                await asyncio.sleep(0.01)

    async def kill() -> int:
        kills = 0
        until_ = time.monotonic() + seconds
        while time.monotonic() < until_:
            await asyncio.sleep(every * field.chance.uniform(0.7, 1.3))
            victim = field.chance.randrange(WORKERS)
            await killed(workers[victim])
            kills += 1
            newest = max(expected)
            done = select(func.count()).where(run.c.id > newest, run.c.state == "COMPLETED")

            async def goes_on(done: object = done) -> bool:
                return await field.count(done) > 0

            await until(goes_on, 60)
            workers[victim] = field.worker(concurrency=8)
        over.set()
        return kills

    _, kills = await asyncio.gather(load(), kill())
    await field.settled(120)
    found = await outputs(field)
    wrong = [run_id for run_id, number in expected.items() if found.get(str(run_id)) != {"n": number}]
    hold(not wrong, "lost, or with a wrong result", len(wrong), "of", len(expected))
    taken = await field.count(select(func.count()).where(run_event.c.kind == "node.taken_over"))
    for worker in workers:
        worker.send(signal.SIGTERM)
        hold(await worker.end(30) == 0, "a worker ended with", worker.code)
    return f"0 lost of {len(expected)} runs on {WORKERS} workers over {kills} kills, {taken} steps taken over"

"""Delays: never early, never lost, never twice (G10); with a worker whose clock is wrong."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Integer, Row, and_, cast, func, select

from runner.tables import node_run, run, run_event
from tests.faults.bench import BY, drawing, mapper, until
from tests.faults.field import Field, hold
from tests.faults.nursery import Nursery, Worker

DURATIONS = (300, 700, 1100, 1500, 2500)
"""Milliseconds."""
FAKETIME = "apt-get install -y libfaketime"


async def on_time(field: Field, *, timers: int) -> str:
    """G10: timers over a time without any worker, some cancelled at the moment they are due, three sweepers: none early, none
    lost, none twice. All times are Postgres's."""
    workers = [field.worker() for _ in range(3)]
    ids = await _delayed(field, timers)

    async def down() -> None:
        async def overdue() -> bool:
            late = select(func.count()).where(node_run.c.due_at < func.clock_timestamp())
            return await field.count(late.select_from(node_run)) > timers // 10

        async def parked() -> bool:
            going_on = set(await field.states()) & {"PENDING", "RUNNING", "WAITING"}
            hold(going_on, "early by all of it: nothing waits, and no worker has been down yet")
            return await field.count(_parked()) > timers // 4

        await until(parked, 120)
        for worker in workers:
            worker.send(signal.SIGKILL)
        for worker in workers:
            await worker.end()
        await until(overdue, 60)
        workers[:] = [field.worker() for _ in range(3)]

    async def cancel(run_id: UUID, duration: int) -> None:
        await asyncio.sleep(duration / 1000 + field.chance.uniform(-0.05, 0.1))
        await field.store.runs.cancel(field.scope, run_id)

    cancelled = list(ids.items())[:: 4 if timers < 200 else 10]
    await asyncio.gather(down(), *(cancel(run_id, duration) for run_id, duration in cancelled))
    await field.settled(120)
    return await _judge(field, ids, len(cancelled))


def _parked() -> object:
    return select(func.count()).select_from(node_run).where(node_run.c.work == "parked")


async def _delayed(field: Field, timers: int) -> dict[UUID, int]:
    """Runs with one delay each, and how long it is."""
    ids: dict[UUID, int] = {}
    for duration in DURATIONS:
        graph = drawing({"d": ("Delay", {"duration": duration}), "z": mapper("data")}, "d>z")
        made = await field.store.orchestrators.create(field.scope, f"{duration} ms", "", graph)
        more = (
            field.store.runs.create(field.scope, made.id, {}, trigger=BY)
            for _ in range(timers // len(DURATIONS))
        )
        ids |= dict.fromkeys(await asyncio.gather(*more), duration)
    return ids


async def _judge(field: Field, ids: Mapping[UUID, int], cancelled: int) -> str:
    over = func.count().filter(run_event.c.kind.in_(("node.taken_over", "node.discarded")))
    parked = func.min(run_event.c.at).filter(
        and_(run_event.c.kind == "node.waiting", run_event.c.node_id == "d")
    )
    asked = (
        select(run.c.id, run.c.state, node_run.c.epoch, node_run.c.finished_at, parked.label("parked_at"),
               cast(over, Integer).label("taken"))
        .join(node_run, and_(node_run.c.run_id == run.c.id, node_run.c.node_id == "d"))
        .join(run_event, run_event.c.run_id == run.c.id)
        .group_by(run.c.id, node_run.c.epoch, node_run.c.finished_at)
    )  # fmt: skip
    late: list[float] = []
    for row in await field.rows(asked):
        hold(row.state in ("COMPLETED", "CANCELLED"), row.state)
        if row.state == "COMPLETED":
            late.append(_lateness(row, ids[row.id]))
        hold(row.epoch <= 2 or row.taken, "fired twice", row.id, row.epoch)
    hold(min(late) >= 0, "early by", -min(late))
    hold(len(late) >= len(ids) - cancelled, "lost", len(ids) - len(late))
    late.sort()
    p50, p99 = late[len(late) // 2], late[len(late) * 99 // 100]
    return f"0 early, 0 lost, 0 twice of {len(ids)}; late p50 {p50:.2f} s, p99 {p99:.2f} s"


def _lateness(row: Row[object, object, object, datetime, datetime, int], duration: int) -> float:
    assert isinstance(row.finished_at, datetime) and isinstance(row.parked_at, datetime)
    return (
        (row.finished_at - row.parked_at).total_seconds() - duration / 1000 + 0.005
    )  # the line is written after


def faketime() -> Path | None:
    """The library that gives a process another clock, where it is installed."""
    folders = (
        "/usr/lib/x86_64-linux-gnu/faketime",
        "/usr/lib/aarch64-linux-gnu/faketime",
        "/usr/lib/faketime",
    )
    given = os.environ.get("FAKETIME_LIBRARY", "")
    places = [Path(given)] * bool(given) + [Path(f, "libfaketime.so.1") for f in folders]
    return next((place for place in places if place.is_file()), None)


class Missing(Exception):
    """What a part needs is not on this machine; the message is how to get it."""


async def wrong_clock(field: Field, *, timers: int) -> str:
    """G10: the clock of a worker jumps an hour forth and back while it works: no timer is early, none waits for the hour."""
    library = faketime()
    if library is None:
        raise Missing(f"clock faults need libfaketime: {FAKETIME}")
    clock = Path(field.folder, "clock")
    clock.write_text("+0\n")
    environ = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with Nursery(environ) as nursery, nursery.cleared():
        order = {"url": field.url, "key": field.key.hex(), "lease": 2.0, "point": "never"}
        workers: list[Worker] = [nursery.start(order), field.worker()]
        ids = await _delayed(field, timers)
        for jump in ("+1h", "-1h", "+0", "+1h"):
            await asyncio.sleep(0.5)
            clock.write_text(jump + "\n")
        await field.settled(120)
        hold(all(worker.code is None for worker in workers), "a worker ended")
    return await _judge(field, ids, 0) + "; one worker's clock an hour off, either way"

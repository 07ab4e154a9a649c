"""More than it can do (G21): what is refused was not stored, what was accepted is done."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

from sqlalchemy import func, select

from runner.tables import run
from tests.faults.bench import drawing, mapper
from tests.faults.field import Field, hold
from tests.faults.history import History, tried
from tests.faults.parts.acks import outputs, start_path

ROOM = 4
"""Starts that the web may have in hand at once here."""


async def refused_in_time(field: Field, *, asks: int) -> str:
    """G21: many times more clients than there is room for: each is either accepted, and its run ends right, or refused with
    Retry-After before anything was stored."""
    made = await field.store.orchestrators.create(
        field.scope, "busy", "", drawing({"a": mapper("input.n", "n")})
    )
    await field.web(settings={"starts_at_once": ROOM})
    field.worker()
    history = History()
    slow: list[float] = []
    numbers = iter(range(asks))

    async with field.client(at_once=ROOM * 10) as client:

        async def client_of() -> None:
            for _ in numbers:
                mine, began = uuid4().hex, time.monotonic()
                answer = await tried(client, start_path(made.id), json={"inputs": {"n": mine}})
                if not history.told(mine, answer):
                    slow.append(time.monotonic() - began)

        await asyncio.gather(*(client_of() for _ in range(ROOM * 10)))
    hold(not history.unknown, "neither accepted nor refused", history)
    count = await field.count(select(func.count()).select_from(run))
    hold(count == len(history.ok), "stored", count, "accepted", history)
    hold(min(len(history.refused), len(history.ok)) >= asks // 20, "no overload", history)
    await field.settled(300)
    found = await outputs(field)
    for mine, answer in history.ok.items():
        hold(found[answer["id"]] == {"n": mine}, "accepted and lost", answer["id"])
    slow.sort()
    return (
        f"{len(history.ok)} accepted and done, {len(history.refused)} refused and not stored; "
        f"refusals p99 {1000 * slow[len(slow) * 99 // 100]:.0f} ms"
    )

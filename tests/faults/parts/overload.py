"""More than it can do (G21): what is refused was not stored, what was accepted is done."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
from sqlalchemy import func, select

from runner.tables import run
from tests.faults.bench import drawing, mapper
from tests.faults.field import Field, hold
from tests.faults.history import History
from tests.faults.parts.acks import outputs, start_path
from tests.line import Line

ROOM = 4
"""Starts that the web may have in hand at once here."""
LINES = 100
"""Connections of those who ask for too much."""
OVER = 5
"""How many times what the web can take they ask for."""


@dataclass
class Crowd:
    """Asks `at` to start runs. `accepted` and `refused` are the seconds of answers, each from when it was due to be asked for."""

    at: Field
    path: str
    history: History = field(default_factory=History)
    accepted: list[float] = field(default_factory=list[float])
    refused: list[float] = field(default_factory=list[float])

    async def capacity(self, seconds: float) -> float:
        """Runs a second that the web takes from as many clients as it has room for."""
        until, before = time.monotonic() + seconds, len(self.accepted)

        async def client() -> None:
            with await Line.open(self.at.base) as line:
                while (now := time.monotonic()) < until:
                    await self._ask(line, now)

        await asyncio.gather(*(client() for _ in range(ROOM)))
        return (len(self.accepted) - before) / seconds

    async def ask(self, rate: float, asks: int) -> None:
        """So many a second, whether answers come or not."""
        start = time.monotonic()
        dues = (start + turn / rate for turn in range(asks))

        async def client() -> None:
            with await Line.open(self.at.base) as line:
                for due in dues:
                    await asyncio.sleep(due - time.monotonic())
                    await self._ask(line, due)

        await asyncio.gather(*(client() for _ in range(LINES)))

    async def _ask(self, line: Line, due: float) -> None:
        mine, headers = uuid4().hex, {"Authorization": f"Bearer {self.at.token}"}
        told = await line.post(self.path, json.dumps({"inputs": {"n": mine}}).encode(), headers)
        took = time.monotonic() - due
        answer = httpx.Response(told.status, headers=dict(told.headers), content=told.body)
        (self.accepted if self.history.told(mine, answer) else self.refused).append(took)


async def refused_in_time(field: Field, *, seconds: float) -> str:
    """G21: for so long a crowd asks for five times what the web can take: each ask is either accepted, and its run ends right, or
    refused with Retry-After before anything was stored."""
    made = await field.store.orchestrators.create(
        field.scope, "busy", "", drawing({"a": mapper("input.n", "n")})
    )
    await field.web(settings={"starts_at_once": ROOM})
    field.worker()
    calm, crowd = Crowd(field, start_path(made.id)), Crowd(field, start_path(made.id))
    capacity = await calm.capacity(max(1.0, seconds / 20))
    asks = round(OVER * capacity * seconds)
    await crowd.ask(OVER * capacity, asks)
    ok = calm.history.ok | crowd.history.ok
    unknown = calm.history.unknown | crowd.history.unknown
    hold(not unknown, "neither accepted nor refused", len(unknown))
    count = await field.count(select(func.count()).select_from(run))
    hold(count == len(ok), "stored", count, "accepted", len(ok))
    hold(len(crowd.refused) >= asks // 20, "no overload", asks, crowd.history)
    await field.settled(300)
    found = await outputs(field)
    for mine, answer in ok.items():
        hold(found[answer["id"]] == {"n": mine}, "accepted and lost", answer["id"])
    return (
        f"{asks} asks in {seconds:.0f} s, {OVER} times what was taken before: {len(crowd.accepted)} accepted and done, "
        f"p99 {_p99(crowd.accepted)}; {len(crowd.refused)} refused and not stored, p99 {_p99(crowd.refused)}"
    )


def _p99(seconds: list[float]) -> str:
    return f"{1000 * sorted(seconds)[len(seconds) * 99 // 100]:.0f} ms"

"""After a cancel nothing starts (G8), whichever transaction of the engine the cancel comes before."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from providers import discover
from runner.database import Database
from runner.engine import Engine, EngineOptions
from runner.model import RunState
from runner.platforms import Platforms
from runner.store import Store
from runner.tables import node_run, run, run_event
from runner.template import Templates
from runner.vault import Vault
from tests.faults.bench import BY, drawing, mapper, run_row
from tests.faults.field import Field, hold
from tests.faults.parts.acks import WAIT

LOOPBACK = ("127.0.0.0/8",)
ALLOWED = {"node.discarded", "log"}
"""What a history may hold after its end: what became of work that was in flight."""
POINTS = 48
"""More transactions than one of these runs takes."""


@dataclass
class Moments:
    """Does something right before the engine's so-many-th transaction: between any two, nothing is in nobody's hands."""

    database: Database
    acts: dict[int, Callable[[], Awaitable[None]]] = field(default_factory=dict[int, Any])
    passed: int = 0

    def install(self) -> None:
        self.database.begin = self._before(self.database.begin)
        self.database.fast = self._before(self.database.fast)

    def _before(self, begin: Callable[..., Any]) -> Any:
        @asynccontextmanager
        async def watched(*scope: Any, **options: Any) -> AsyncGenerator[Any]:
            self.passed += 1
            if (act := self.acts.pop(self.passed, None)) is not None:
                await act()
            async with begin(*scope, **options) as connection:
                yield connection

        return watched


async def nothing_starts(field: Field, *, interleavings: int) -> str:
    """G8: a run with parallel calls, a timer, a wait and a run of its own is cancelled before each of the engine's
    transactions in turn, its callback coming before another one: nothing of it starts after the cancel was confirmed, and
    nothing wakes it."""
    inner = await field.store.orchestrators.create(
        field.scope, "inner", "", drawing({"i": mapper("input.n"), "j": mapper("data.end")}, "i>j")
    )
    hook = {"url": field.site.url + "/ok", "bodyTemplate": "{{ data }}"}
    graph = drawing(
        {
            "a": mapper("input.n", "n"),
            "call": ("RemoteWebhook", hook),
            "timer": ("Delay", {"duration": 5}),
            "flow": ("LocalFlow", {"flowId": str(inner.id), "inputTemplate": "{{ input }}"}),
            "wait": WAIT,
            "end": mapper("data.wait"),
        },
        "a>call", "a>timer", "a>flow", "a>wait", "call>end", "timer>end", "flow>end", "wait>end",
    )  # fmt: skip
    made = await field.store.orchestrators.create(field.scope, "outer", "", graph)
    async with AsyncExitStack() as stack:
        database = Database(field.url, size=6, reserve=2)
        stack.push_async_callback(database.aclose)
        moments = Moments(database)
        moments.install()
        store = Store(database, Vault([("test", field.key)]), discover())
        templates = await stack.enter_async_context(Templates())
        platforms = Platforms(store.connections, discover(), egress_allow=LOOPBACK)
        stack.push_async_callback(platforms.aclose)
        engine = Engine(store, platforms, templates, EngineOptions(field.base, allow=LOOPBACK))
        stack.push_async_callback(engine.aclose)
        ends: Counter[str] = Counter()
        for number in range(interleavings):
            ends[await _one(field, engine, moments, made.id, number)] += 1
            if number % 100 == 99:
                await field.sound()
    await field.sound()
    await _judge(field)
    hold(
        ends["CANCELLED"] > interleavings // 3 and ends["COMPLETED"], "hardly any was cancelled in time", ends
    )
    return f"0 starts after the cancel in {interleavings} interleavings: {ends['CANCELLED']} cancelled, {ends['COMPLETED']} ended first"


async def _one(field: Field, engine: Engine, moments: Moments, flow: UUID, number: int) -> str:
    run_id = await field.store.runs.create(field.scope, flow, {"n": number}, trigger=BY)
    token = (await field.tokens([run_id], "wait"))[run_id]

    async def cancel() -> None:
        await field.store.runs.cancel(field.scope, run_id)
        hold(RunState((await run_row(field.store, run_id)).state).final, "not ended by its cancel")

    async def call_back() -> None:
        verdict = await field.store.waits.signal(run_id, token, {"n": number})
        hold(verdict.kind in ("accepted", "gone"), verdict)

    at, back = 1 + number % POINTS, field.chance.randint(1, POINTS // 2)
    moments.acts = {at: cancel, back + (back == at): call_back}
    moments.passed = 0
    async with asyncio.timeout(60):
        while not RunState((await run_row(field.store, run_id)).state).final or moments.passed < POINTS // 8:
            await engine.run_until_idle()
    moments.acts = {}
    await engine.run_until_idle()  # whatever a timer, a wait or a child would still bring
    return (await run_row(field.store, run_id)).state


async def _judge(field: Field) -> None:
    """No line of a start behind the line of the cancel, in the run or in those it started; nothing open."""
    end = run_event.alias("end")
    late = (
        select(run_event.c.run_id, run_event.c.kind)
        .join(end, (end.c.run_id == run_event.c.run_id) & (end.c.kind == "run.cancelled"))
        .where(run_event.c.seq > end.c.seq, run_event.c.kind.not_in(ALLOWED))
    )
    found = await field.rows(late)
    hold(not found, "after the cancel", found[:5])
    open_children = (
        select(func.count())
        .select_from(run)
        .join(node_run, node_run.c.id == run.c.parent_node_run_id)
        .where(run.c.finished_at.is_(None), node_run.c.work.in_(("ended", "stopping")))
    )
    hold(await field.count(open_children) == 0, "runs that outlived who started them")

"""A person's hand against callbacks and deadlines: at any moment exactly one of them decides."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from runner.engine import Engine
from runner.errors import Conflict
from runner.model import Scope
from runner.store import Store
from runner.tables import callback_audit, run, run_event, wait
from tests.faults.bench import begin, drawing, node_rows, run_row, token_of, until
from tests.faults.invariants import violations
from tests.runner.test_races import WAIT, serving


async def test_of_extending_and_the_deadline_one_wins(store: Store, scope: Scope) -> None:
    """60 extensions within 5 ms of their wait's deadline: an extended wait goes on, a refused one has expired."""
    chance = random.Random(5)
    graph = drawing({"wait": ("WaitForCallback", {"timeout": 1500})})
    extended: dict[UUID, datetime | None] = {}
    deadlines: dict[UUID, datetime] = {}

    async def move(run_id: UUID) -> None:
        moment = deadlines[run_id].timestamp() + chance.uniform(-0.005, 0.005)
        await asyncio.sleep(max(0.0, moment - datetime.now(UTC).timestamp()))
        try:
            extended[run_id] = await store.waits.extend(scope, run_id, "wait", 600)
        except Conflict:
            extended[run_id] = None

    async with serving(store):
        ids = await asyncio.gather(*(begin(store, scope, graph) for _ in range(60)))

        async def parked() -> bool:
            async with store.database.begin() as connection:
                found = select(wait.c.run_id, wait.c.deadline_at).where(wait.c.deadline_at.is_not(None))
                deadlines.update({r.run_id: r.deadline_at for r in await connection.execute(found)})
            return set(ids) <= deadlines.keys()

        await until(parked)
        await asyncio.gather(*(move(run_id) for run_id in ids))
        lost = [run_id for run_id, moved in extended.items() if moved is None]

        async def over() -> bool:
            async with store.database.begin() as connection:
                ended = await connection.scalar(
                    select(func.count()).select_from(run).where(run.c.state == "FAILED")
                )
            return ended == len(lost)

        await until(over)
    for run_id, moved in extended.items():
        node = (await node_rows(store, run_id))["wait"]
        if moved is None:
            assert node.state == "TIMED_OUT"
        else:
            assert moved - deadlines[run_id] == timedelta(seconds=600)
            assert (node.state, node.work, node.due_at) == ("WAITING", "parked", moved)
    async with store.database.begin() as connection:
        told = select(run_event.c.kind, func.count()).where(run_event.c.kind.startswith("callback."))
        lines = Counter({kind: n for kind, n in await connection.execute(told.group_by(run_event.c.kind))})
    assert lines == Counter({"callback.extended": 60 - len(lost), "callback.expired": len(lost)})
    assert await violations(store.database) == {}


async def test_hands_and_callbacks_at_once_resume_once(store: Store, scope: Scope, engine: Engine) -> None:
    ids = [await begin(store, scope, drawing({"wait": WAIT})) for _ in range(40)]
    await engine.run_until_idle()
    for run_id in ids:
        token = await token_of(store, scope, run_id, "wait")
        verdicts = await asyncio.gather(
            *(store.waits.signal(run_id, token, {"n": n}, "192.0.2.1") for n in range(4)),
            *(store.waits.resume(scope, run_id, "wait", {"by": n}, reason="test") for n in range(4)),
        )
        assert Counter(v.kind for v in verdicts) == {"accepted": 1, "duplicate": 7}
    await engine.run_until_idle()
    async with store.database.begin() as connection:
        kept = select(callback_audit.c.run_id).where(callback_audit.c.verdict == "accepted")
        assert sorted((await connection.scalars(kept)).all()) == sorted(ids)
    assert {(await run_row(store, run_id)).state for run_id in ids} == {"COMPLETED"}
    assert await violations(store.database) == {}

"""Ten classic mistakes, each as a small patch of one process. The bench must go red with any of them; else it shows nothing.

They are planted in a forked worker or web process only, by an order that the product cannot receive.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from runner import calling, dispatcher, tokens
from runner.node import Suspend
from runner.store import settle, succession
from runner.store.due import Due
from runner.store.settle import Settling
from runner.store.waits import Verdict, Waits
from runner.tables import callback, node_run, wait


def _status_check(_: Mapping[str, Any]) -> None:
    """M2: a callback is taken only by a run that waits already."""
    signal = Waits.signal

    async def checked(self: Any, run_id: UUID, token: str, *rest: Any, **more: Any) -> Verdict:
        async with self._database.begin() as connection:
            asked = select(wait.c.state).where(wait.c.token_sha256 == tokens.digest(token))
            if await connection.scalar(asked) == "armed":
                return Verdict("gone")
        return await signal(self, run_id, token, *rest, **more)

    vars_of(Waits, signal=checked)


def _read_then_write(_: Mapping[str, Any]) -> None:
    """M3: a callback reads the wait's state, and writes in a second transaction."""

    async def naive(self: Any, run_id: UUID, token: str, body: Any, *_: Any, **more: Any) -> Verdict:
        async with self._database.begin() as connection:
            asked = select(wait.c.node_run_id, wait.c.state).where(
                wait.c.token_sha256 == tokens.digest(token)
            )
            row = (await connection.execute(asked)).one()
        if row.state == "resumed":
            return Verdict("duplicate")
        async with self._database.begin() as connection:
            kept = insert(callback).values(node_run_id=row.node_run_id, body=body).on_conflict_do_nothing()
            await connection.execute(kept)
            mine = wait.c.node_run_id == row.node_run_id
            await connection.execute(update(wait).where(mine).values(state="resumed"))
            woken = {"signal": {"kind": "callback", "body": body}, "work": "ready", "due_at": None}
            await connection.execute(
                update(node_run)
                .where(node_run.c.id == row.node_run_id)
                .values(**woken, lease_until=text("now()"))
            )
        self._bell.ring(run_id, work=True)
        return Verdict("accepted")

    vars_of(Waits, signal=naive)


def _no_epoch(_: Mapping[str, Any]) -> None:
    """M4: an outcome is written whoever has the node by now."""
    end = Settling.end

    async def blind(self: Any, steps: Any, **more: Any) -> Any:
        first = steps[0]
        async with self._database.begin() as connection:
            asked = select(node_run.c.epoch).where(node_run.c.id == first.claim.node_run_id)
            epoch = await connection.scalar(asked)
        forged = dataclasses.replace(first, claim=dataclasses.replace(first.claim, epoch=epoch))
        return await end(self, [forged, *steps[1:]], **more)

    vars_of(Settling, end=blind)


def _no_key(_: Mapping[str, Any]) -> None:
    """M5: every attempt has a key of its own."""
    context: Any = vars(calling)["NodeContext"]

    def keyless(**given: Any) -> Any:
        return context(**{**given, "key": str(uuid4())})

    vars_of(calling, NodeContext=keyless)


def _own_clock(order: Mapping[str, Any]) -> None:
    """M6: a timer's moment comes from the worker's clock, which is `skew` seconds ahead."""
    park = Settling.park

    async def timed(self: Any, claim: Any, result: Suspend, story: Any) -> None:
        if result.wake_after is not None:
            now = datetime.now(UTC) + timedelta(seconds=order["skew"])
            result = dataclasses.replace(result, wake_after=None, wake_at=now + result.wake_after)
        await park(self, claim, result, story)

    vars_of(Settling, park=timed)


def _blind_sweep(_: Mapping[str, Any]) -> None:
    """M7: the sweeper reads what is due, and makes it ready whatever has become of it meanwhile."""

    async def take_due(self: Any, connection: Any, limit: int) -> Any:
        kind = node_run.c.waiting["kind"].astext.label("kind")
        due = (
            select(node_run.c.id, node_run.c.run_id, kind)
            .where(node_run.c.due_at <= text("now()"), node_run.c.work == "parked")
            .limit(limit)
        )
        rows = (await connection.execute(due)).all()
        await asyncio.sleep(0.02)
        timers = [row for row in rows if row.kind != "callback"]
        ready = {"work": "ready", "due_at": None, "lease_until": text("clock_timestamp()")}
        await connection.execute(
            update(node_run).where(node_run.c.id.in_([r.id for r in timers])).values(**ready)
        )
        return rows, timers

    vars_of(Due, take_due=take_due)


def _answer_first(_: Mapping[str, Any]) -> None:
    """M8: a callback is answered 2xx, and committed afterwards."""
    signal = Waits.signal
    writing: set[asyncio.Task[Any]] = set()

    async def later(self: Any, *given: Any, **more: Any) -> Verdict:
        await asyncio.sleep(0.05)  # a slow disk
        return await signal(self, *given, **more)

    async def hasty(self: Any, *given: Any, **more: Any) -> Verdict:
        task = asyncio.create_task(later(self, *given, **more))
        writing.add(task)
        task.add_done_callback(writing.discard)
        return Verdict("accepted")

    vars_of(Waits, signal=hasty)


def _no_polling(_: Mapping[str, Any]) -> None:
    """M9: who is not woken by the bell never looks."""
    vars_of(dispatcher, POLL=3600.0)


def _second_transaction(_: Mapping[str, Any]) -> None:
    """M10: what follows a node is handed on in a transaction after that of its outcome."""
    plan, end = succession.plan_of, Settling.end
    left: dict[UUID, list[str]] = {}

    def without(step: Any, *given: Any, **more: Any) -> Any:
        made = plan(step, *given, **more)
        left[step.claim.node_run_id] = [*made.ready, *([made.leading] if made.leading else [])]
        return dataclasses.replace(made, leading=None, ready=())

    async def alone(*_: Any) -> None:
        return None

    async def halves(self: Any, steps: Any, **more: Any) -> None:
        await end(self, steps, **more)
        claim = steps[0].claim
        nodes = left.pop(claim.node_run_id)
        async with self._database.begin() as connection:
            ready = {"state": "QUEUED", "work": "ready", "lease_until": text("clock_timestamp()")}
            mine = (node_run.c.run_id == claim.run_id, node_run.c.node_id.in_(nodes))
            await connection.execute(update(node_run).where(*mine, node_run.c.work == "idle").values(**ready))
        self._bell.ring(claim.run_id, work=True)

    vars_of(succession, plan_of=without)
    vars_of(settle, plan_of=without)
    vars_of(Settling, ahead=alone, end=halves)


def vars_of(owner: Any, **patched: Any) -> None:
    for name, value in patched.items():
        assert hasattr(owner, name), name
        setattr(owner, name, value)


def _nothing(_: Mapping[str, Any]) -> None:
    """M1, `synchronous_commit=off`, is a setting of the database: the bench sets it there."""


DEFECTS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "M1": _nothing,
    "M2": _status_check,
    "M3": _read_then_write,
    "M4": _no_epoch,
    "M5": _no_key,
    "M6": _own_clock,
    "M7": _blind_sweep,
    "M8": _answer_first,
    "M9": _no_polling,
    "M10": _second_transaction,
}

"""Recording outcomes: one transaction per outcome writes it, decides what follows, and hands that on.

Every statement names the state it comes from, and the epoch of the claim: a worker that lost its lease changes nothing.
A claim remembers the run's nodes as they were at some length of its history. As long as the run row still has that length,
they are the facts, and one statement that says so decides and writes everything. Where somebody else wrote meanwhile, or
more than one row must be handed on, the run is locked, the facts are read in a statement of their own (an earlier snapshot
could miss what a sibling has just committed), and the same statement follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import Held, LostClaim
from runner.model import NodeFacts, NodeState, RunState
from runner.node import Suspend
from runner.store.batch import Batch, Query
from runner.store.bell import Bell
from runner.store.burying import bury, resolve
from runner.store.claims import Claim, Claims, Seen
from runner.store.ending import end_children, end_nodes, signal_parent
from runner.store.events import APPEND_TYPES, Entry, Level, append, appending
from runner.store.outcome import Again, Ended, Story, stored
from runner.store.succession import (
    Plan,
    Step,
    following,
    outcomes_of,
    parked_history,
    plan_of,
    planned,
    settled,
    told,
)
from runner.tables import node_run

_LOCK = text(
    """
    SELECT r.state, r.event_seq, r.parent_node_run_id, p.run_id AS parent_run_id
    FROM run r LEFT JOIN node_run p ON p.id = r.parent_node_run_id
    WHERE r.id = :run_id FOR NO KEY UPDATE OF r
    """
).bindparams(bindparam("run_id", type_=PgUuid()))

# The run row first, then the node's: the order every writer keeps.
_GUARD = """
    guard AS MATERIALIZED (
        SELECT id FROM run WHERE id = :run_id AND event_seq = :seen AND state IN ('PENDING', 'RUNNING', 'WAITING') {more}
        FOR NO KEY UPDATE
    )
"""
# What follows in the same transaction stands and falls with the outcome that it follows: still ours, and just ended.
_AFTER = """
    AND (CAST(:after AS uuid) IS NULL OR EXISTS (
        SELECT FROM node_run first WHERE first.id = :after AND first.epoch = :after_epoch AND first.work = 'ended'))
"""
_ATTEMPT = """
    closed AS (
        UPDATE node_attempt SET exchanges = exchanges || CAST(:exchanges AS jsonb),
            finished_at = CASE WHEN CAST(:outcome AS text) IS NULL THEN NULL ELSE clock_timestamp() END,
            outcome = :outcome, error = :error
        FROM own WHERE node_run_id = own.id AND attempt = :attempt
    )
"""
_MINE = "EXISTS (SELECT FROM own)"
_NULLABLE = JSONB(none_as_null=True)
_STORY_TYPES = (
    bindparam("id", type_=PgUuid()),
    bindparam("exchanges", type_=JSONB()),
    bindparam("error", type_=_NULLABLE),
    bindparam("input", type_=_NULLABLE),
    bindparam("remote", type_=_NULLABLE),
)
_SETTLE = Query(
    f"""
    WITH {_GUARD.format(more=_AFTER)}, own AS (
        UPDATE node_run n SET work = 'ended', state = :state, output = :output, port = :port, error = :error,
            waiting = NULL, lease_until = NULL, due_at = NULL, finished_at = clock_timestamp(),
            input = coalesce(:input, n.input), remote = coalesce(:remote, n.remote)
        FROM guard WHERE n.id = :id AND n.run_id = guard.id AND n.epoch = :epoch AND n.work = 'leased' RETURNING n.id
    ), {_ATTEMPT}, {appending(_MINE)}, led AS (
        UPDATE node_run SET work = 'leased', state = 'RUNNING', epoch = 1, attempt = 1, fresh = false,
            started_at = clock_timestamp(),
            lease_until = clock_timestamp() + make_interval(secs => CAST(:lease AS double precision)),
            deadline_at = clock_timestamp() + make_interval(secs => CAST(:limit AS double precision))
        WHERE id = :follow AND work = 'idle' AND {_MINE} RETURNING id, started_at, signal
    ), begun AS (
        INSERT INTO node_attempt (node_run_id, attempt) SELECT id, 1 FROM led
    ), ready AS (
        UPDATE node_run SET state = 'QUEUED', work = 'ready', lease_until = clock_timestamp()
        WHERE id = ANY(:ready) AND work = 'idle' AND {_MINE}
    ), skipped AS (
        UPDATE node_run SET state = 'SKIPPED', work = 'ended', finished_at = clock_timestamp()
        WHERE id = ANY(:skipped) AND {_MINE}
    ), closed_waits AS (
        UPDATE wait SET state = 'cancelled' WHERE node_run_id = ANY(:skipped) AND {_MINE}
    )
    SELECT {_MINE} AS mine, (SELECT started_at FROM led) AS started_at, (SELECT signal FROM led) AS signal
    """,
    *_STORY_TYPES,
    *APPEND_TYPES,
    bindparam("output", type_=_NULLABLE),
    bindparam("after", type_=PgUuid()),
    bindparam("follow", type_=PgUuid()),
    bindparam("ready", type_=ARRAY(PgUuid())),
    bindparam("skipped", type_=ARRAY(PgUuid())),
    signal=_NULLABLE,
)


_FREE = "CAST(:held_for AS uuid) IS NULL"
"""A step that waits for its connection wakes by no timer, and its own limit stands still: see `Breakers.drain`."""


def _parking(guarded: bool) -> Query:
    """Park a node, or make it ready again if its signal has come already; `guarded` also writes history, which needs the run
    row."""
    first, source, run = (
        (f"{_GUARD.format(more='')}, own", "FROM guard", "AND n.run_id = guard.id")
        if guarded
        else ("own", "", "")
    )
    history = f", {appending(_MINE)}" if guarded else ""
    types = (*_STORY_TYPES, *(APPEND_TYPES if guarded else ()), bindparam("memo", type_=_NULLABLE))
    types = (*types, bindparam("held_for", type_=PgUuid()))
    return Query(
        f"""
        WITH {first} AS (
            UPDATE node_run n SET
                work = CASE WHEN n.signal IS NOT NULL AND {_FREE} THEN 'ready' ELSE 'parked' END,
                lease_until = CASE WHEN n.signal IS NOT NULL AND {_FREE} THEN clock_timestamp() END,
                held_for = :held_for, interrupted = :interrupted,
                due_at = CASE WHEN n.signal IS NULL AND {_FREE} THEN least(
                    clock_timestamp() + make_interval(secs => CAST(:wake AS double precision)),
                    CAST(:wake_at AS timestamptz),
                    clock_timestamp() + make_interval(secs => CAST(:give_up AS double precision)),
                    n.deadline_at) END,
                fresh = :fresh, takeovers = 0, state = :state, memo = :memo, error = :error,
                waiting = CASE WHEN CAST(:kind AS text) IS NOT NULL THEN jsonb_build_object(
                    'kind', CAST(:kind AS text), 'until', CASE WHEN {_FREE} THEN least(
                        clock_timestamp() + make_interval(secs => CAST(:give_up AS double precision)),
                        CAST(:wake_at AS timestamptz), n.deadline_at) ELSE CAST(:wake_at AS timestamptz) END) END,
                waiting_since = CASE WHEN n.state <> :state OR n.waiting_since IS NULL
                    THEN clock_timestamp() ELSE n.waiting_since END,
                input = coalesce(:input, n.input), remote = coalesce(:remote, n.remote)
            {source} WHERE n.id = :id {run} AND n.epoch = :epoch AND n.work = 'leased'
            RETURNING n.id, n.work, (n.waiting->>'until')::timestamptz AS until
        ), {_ATTEMPT}, parked AS (
            UPDATE wait SET state = 'parked', deadline_at = own.until
            FROM own WHERE node_run_id = own.id AND wait.state = 'armed' AND CAST(:kind AS text) = 'callback'
        ){history}
        SELECT (SELECT work FROM own) AS work
        """,
        *types,
    )


_PARK_QUIETLY = _parking(guarded=False)
_PARK = _parking(guarded=True)


class Settling:
    def __init__(self, database: Database, claims: Claims, bell: Bell) -> None:
        self._database = database
        self._claims = claims
        self._bell = bell
        self._settles = Batch(database, _SETTLE)
        self._parks = Batch(database, _PARK)
        self._parks_quietly = Batch(database, _PARK_QUIETLY)

    async def park(self, claim: Claim, result: Suspend, story: Story) -> None:
        """The node waits as a row. If its signal is there already, it is ready at once. Raises LostClaim.

        A poll that changes nothing to be seen touches only its own row."""
        values = {
            "wake": None if result.wake_after is None else result.wake_after.total_seconds(),
            "wake_at": result.wake_at,
            "give_up": None if result.give_up_after is None else result.give_up_after.total_seconds(),
            "state": result.state,
            "memo": result.memo,
            "kind": result.waiting,
            "fresh": False,
        }
        lines = list(story.lines)
        moved = claim.fresh or result.state != claim.state
        if moved and result.state is not NodeState.RUNNING:
            what = {"callback": "waits for a callback", "remote-queue": "is queued on the platform"}
            message = f"{claim.spec.label} {what.get(result.waiting or '', 'waits')}"
            lines.append(Entry(f"node.{result.state.lower()}", message, claim.spec.id))
        elif moved and claim.state in (NodeState.QUEUED, NodeState.WAITING) and not claim.fresh:
            lines.append(Entry("node.running", f"{claim.spec.label} runs on the platform", claim.spec.id))
        await self._parked(claim, story, values, lines if moved or lines else None)

    async def again(self, claim: Claim, result: Again, story: Story) -> None:
        """Close this attempt as failed and park the node until the next. Raises LostClaim."""
        values = {
            "wake": result.delay,
            "wake_at": None,
            "give_up": None,
            "state": NodeState.WAITING,
            "memo": None,
            "kind": "retry",
            "fresh": True,
            "outcome": "retry",
            "error": stored(result.failure),
        }
        line = Entry(
            "node.retrying",
            f"{claim.spec.label}: {result.failure.message}; trying again in {result.delay:.1f} s",
            claim.spec.id,
            "warning",
            data={
                "delaySeconds": round(result.delay, 3),
                "attempt": claim.attempt,
                "code": result.failure.code,
            },
        )
        await self._parked(claim, story, values, [*story.lines, line])

    async def hold(self, claim: Claim, held: Held, memo: JsonValue, story: Story) -> None:
        """The node waits until its connection may be called, with this memo and in the same attempt. Raises LostClaim."""
        state = NodeState.HELD
        if held.why != "outage":  # a poll that waits for its turn: the platform is at it as before
            state = NodeState.QUEUED if claim.fresh else NodeState(claim.state)
        values = {
            "wake": None,
            "wake_at": held.until,
            "give_up": None,
            "state": state,
            "memo": memo,
            "kind": held.why,
            "fresh": False,
            "held_for": held.connection_id,
            "interrupted": claim.interrupted,
        }
        lines = list(story.lines)
        if claim.fresh or state != claim.state:
            until = None if held.until is None else held.until.isoformat()
            data: JsonValue = {"connectionId": str(held.connection_id), "why": held.why, "until": until}
            level: Level = "warning" if held.why == "outage" else "info"
            lines.append(
                Entry(
                    f"node.{state.lower()}",
                    f"{claim.spec.label} {held.message}",
                    claim.spec.id,
                    level,
                    data=data,
                )
            )
        await self._parked(claim, story, values, lines or None)

    async def _parked(
        self, claim: Claim, story: Story, values: dict[str, Any], lines: Sequence[Entry] | None
    ) -> None:
        given = told(claim, story) | {"held_for": None, "interrupted": False} | values
        work: str | None = None
        if lines is None:
            work = (await self._parks_quietly(str(claim.node_run_id), given))["work"]
        else:
            if claim.seen is not None:
                asked = given | parked_history(claim, values["state"], lines, claim.seen)
                work = (await self._parks(str(claim.run_id), asked))["work"]
            if work is None:
                async with self._database.begin() as connection:
                    seen, _ = await _lock(connection, claim)
                    asked = given | parked_history(claim, values["state"], lines, seen)
                    work = await connection.scalar(_PARK.clause, asked)
        if work is None:
            raise LostClaim("another worker took this node over, or the run has ended")
        if lines is not None or work == "ready":
            self._bell.ring(claim.run_id, work=work == "ready", live=True)

    async def ahead(self, steps: Sequence[Step]) -> Claim | None:
        """The claim that recording these would give, before anything is recorded. None where more, or less, than one node
        follows, or what the worker has seen of the run does not tell."""
        last, seen = steps[-1], steps[-1].claim.seen
        if seen is None or last.ended.fatal or (plan := last.onward) is None or plan.leading is None:
            return None
        next_one = following(last.claim, plan, seen, datetime.now(UTC), None)
        return await self._claims.fed(next_one, outcomes_of(steps))

    async def end(self, steps: Sequence[Step], *, lease: float, follow: bool = True) -> Claim | None:
        """Record these outcomes in one commit, each that of the node `ahead` of the one before, and what follows from the last.
        When exactly one node becomes ready and `follow`, it is claimed for the same worker in the same transaction and
        returned; others are ready for whoever comes.

        Where somebody else wrote meanwhile, those from there on are thrown away, and what really follows is returned. Raises
        LostClaim."""
        first, plans = steps[0].claim, planned(steps, follow)
        given = [
            settled(step, *plan, lease, None if step.claim is first else first)
            for step, plan in zip(steps, plans, strict=False)
        ]
        rows = await self._settles.all(str(first.run_id), given) if given else []
        done = next((n for n, row in enumerate(rows) if not row["mine"]), len(rows))
        if done == len(steps):
            last, row, (plan, seen) = steps[-1], rows[-1], plans[-1]
        else:
            last = steps[done]
            plan, seen, row = await self._end_locked(last, lease, follow)
        claim = last.claim
        self._bell.ring(claim.run_id, work=bool(plan.ready), live=not plan.ends)
        if last.ended.fatal:
            self._bell.ring(*await end_children(self._database, claim.run_id))
        if plan.leading is None:
            return None
        next_one = following(claim, plan, seen, row["started_at"], row["signal"])
        return await self._claims.fed(next_one, outcomes_of(steps[: done + 1]))

    async def _end_locked(self, step: Step, lease: float, follow: bool) -> tuple[Plan, Seen, Any]:
        claim, result = step.claim, step.ended
        async with self._database.begin() as connection:
            seen, parent = await _lock(connection, claim)
            plan = plan_of(step, seen, follow)
            if not plan.output_known:
                output = await _run_output(connection, claim, result, plan.facts)
                plan = replace(plan, change=replace(plan.change, output=output))
            given = settled(step, plan, seen, lease)
            row = (await connection.execute(_SETTLE.clause, given)).mappings().one()
            if not row["mine"]:
                raise LostClaim("another worker took this node over, or the run has ended")
            if result.fatal:
                await end_nodes(connection, claim.run_id, live=NodeState.CANCELLED, pending=NodeState.SKIPPED)
                await bury(connection, claim, result)
            elif plan.ends and claim.repeats:
                await resolve(connection, claim.run_id)
            if plan.ends and parent is not None:
                await signal_parent(connection, parent, claim.run_id, plan.change)
        if plan.ends and parent is not None:
            self._bell.ring(parent[0], work=True)
        return plan, seen, row

    async def release(self, claim: Claim, story: Story) -> None:
        """Hand an unfinished piece back at a graceful stop: ready for any worker at once. Only for work that has not reached
        the outside."""
        async with self._database.begin() as connection:
            await _lock(connection, claim)
            await _own(connection, claim, work="ready", lease_until=func.clock_timestamp())
            if story.lines:
                await append(connection, claim.run_id, story.lines)
        self._bell.ring(claim.run_id, work=True)

    async def tell(self, run_id: UUID, lines: Sequence[Entry]) -> None:
        """Write log lines now, whatever the run's state."""
        if not lines:
            return
        async with self._database.begin() as connection:
            await append(connection, run_id, lines)
        self._bell.ring(run_id)


async def _lock(connection: AsyncConnection, claim: Claim) -> tuple[Seen, tuple[UUID, UUID] | None]:
    """Lock the run row and read the facts. Also (run id, node run id) of the LocalFlow node that waits for this run, if any.
    Raises LostClaim when the run has ended."""
    row = (await connection.execute(_LOCK, {"run_id": claim.run_id})).one()
    if RunState(row.state).final:
        raise LostClaim("the run has ended")
    nodes = (
        await connection.execute(
            select(node_run.c.id, node_run.c.node_id, node_run.c.state, node_run.c.port).where(
                node_run.c.run_id == claim.run_id
            )
        )
    ).all()
    facts = {n.node_id: NodeFacts(NodeState(n.state), n.port) for n in nodes}
    parent = None if row.parent_run_id is None else (row.parent_run_id, row.parent_node_run_id)
    return Seen(row.event_seq, facts, {n.node_id: n.id for n in nodes}), parent


async def _own(connection: AsyncConnection, claim: Claim, **values: Any) -> None:
    done = await connection.execute(
        update(node_run)
        .where(
            node_run.c.id == claim.node_run_id, node_run.c.epoch == claim.epoch, node_run.c.work == "leased"
        )
        .values(**values)
    )
    if not done.rowcount:
        raise LostClaim("another worker took this node over, or the run has ended")


async def _run_output(
    connection: AsyncConnection, claim: Claim, result: Ended, facts: Mapping[str, NodeFacts]
) -> JsonValue:
    """The output of the one leaf that ran, or an object by node id where the drawing has several leaves."""
    leaves = claim.definition.wiring.leaves
    ran = [n for n in leaves if facts[n].state is not NodeState.SKIPPED]
    rows = await connection.execute(
        select(node_run.c.node_id, node_run.c.output).where(
            node_run.c.run_id == claim.run_id, node_run.c.node_id.in_(ran)
        )
    )
    outputs = {row.node_id: row.output for row in rows} | {claim.spec.id: result.output}
    return outputs.get(leaves[0]) if len(leaves) == 1 else {n: outputs.get(n) for n in ran}

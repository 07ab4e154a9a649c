"""Recording outcomes: one transaction per outcome writes it, decides what follows, and hands that on.

Every statement names the state it comes from, and the epoch of the claim: a worker that lost its lease changes nothing.
The hot path is three statements: lock the run; write the outcome and read the facts (in a statement of its own, because a
snapshot taken before the lock could miss what a sibling has just committed); apply what `advance` decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import LostClaim
from runner.graph import Wiring, advance, run_state
from runner.model import NodeFacts, NodeState, RunState
from runner.node import Signal, Suspend
from runner.store.bell import Bell
from runner.store.claims import Claim, deadline_of, with_outputs
from runner.store.ending import end_children, end_nodes, signal_parent
from runner.store.events import APPEND, APPEND_TYPES, Entry, RunChange, append, append_values
from runner.store.jobs import enqueue
from runner.store.outcome import Again, Ended, Story, stored
from runner.tables import node_run

_NULLABLE = JSONB(none_as_null=True)

_LOCK = text(
    """
    SELECT r.state, r.parent_node_run_id, p.run_id AS parent_run_id
    FROM run r LEFT JOIN node_run p ON p.id = r.parent_node_run_id
    WHERE r.id = :run_id FOR NO KEY UPDATE OF r
    """
).bindparams(bindparam("run_id", type_=PgUuid()))

_FACTS = "SELECT n.id, n.node_id, n.state, n.port FROM node_run n WHERE n.run_id = :run_id"

_ATTEMPT = """
    closed AS (
        UPDATE node_attempt SET exchanges = exchanges || :exchanges,
            finished_at = CASE WHEN CAST(:outcome AS text) IS NULL THEN NULL ELSE clock_timestamp() END,
            outcome = :outcome, error = :error
        FROM own WHERE node_run_id = own.id AND attempt = :attempt
    )
"""
_STORY_TYPES = (
    bindparam("id", type_=PgUuid()),
    bindparam("run_id", type_=PgUuid()),
    bindparam("exchanges", type_=JSONB()),
    bindparam("error", type_=_NULLABLE),
    bindparam("input", type_=_NULLABLE),
    bindparam("remote", type_=_NULLABLE),
)

_END = text(
    f"""
        WITH own AS (
            UPDATE node_run SET work = 'ended', state = :state, output = :output, port = :port, error = :error,
                waiting = NULL, lease_until = NULL, due_at = NULL, finished_at = clock_timestamp(),
                input = coalesce(:input, input), remote = coalesce(:remote, remote)
            WHERE id = :id AND epoch = :epoch AND work = 'leased' RETURNING id
        ), {_ATTEMPT}
        SELECT f.*, (SELECT count(*) FROM own) AS mine FROM ({_FACTS}) f
        """
).bindparams(*_STORY_TYPES, bindparam("output", type_=_NULLABLE))

_PARK = text(
    f"""
    WITH own AS (
        UPDATE node_run SET
            work = CASE WHEN signal IS NOT NULL THEN 'ready' ELSE 'parked' END,
            lease_until = CASE WHEN signal IS NOT NULL THEN clock_timestamp() + interval '10 seconds' END,
            due_at = CASE WHEN signal IS NULL THEN least(
                clock_timestamp() + make_interval(secs => CAST(:wake AS double precision)),
                CAST(:wake_at AS timestamptz),
                clock_timestamp() + make_interval(secs => CAST(:give_up AS double precision)),
                deadline_at) END,
            fresh = :fresh, takeovers = 0, state = :state, memo = :memo, error = :error,
            waiting = CASE WHEN CAST(:kind AS text) IS NOT NULL THEN jsonb_build_object(
                'kind', CAST(:kind AS text), 'until', least(
                    clock_timestamp() + make_interval(secs => CAST(:give_up AS double precision)),
                    CAST(:wake_at AS timestamptz), deadline_at)) END,
            waiting_since = CASE WHEN state <> :state OR waiting_since IS NULL THEN clock_timestamp() ELSE waiting_since END,
            input = coalesce(:input, input), remote = coalesce(:remote, remote)
        WHERE id = :id AND epoch = :epoch AND work = 'leased'
        RETURNING id, work, (waiting->>'until')::timestamptz AS until
    ), {_ATTEMPT}, parked AS (
        UPDATE wait SET state = 'parked', deadline_at = own.until
        FROM own WHERE node_run_id = own.id AND wait.state = 'armed' AND CAST(:kind AS text) = 'callback'
    )
    SELECT f.*, (SELECT work FROM own) AS work FROM ({_FACTS}) f
    """
).bindparams(*_STORY_TYPES, bindparam("memo", type_=_NULLABLE))

_APPLY = (
    text(
        f"""
        WITH {APPEND}, led AS (
            UPDATE node_run SET work = 'leased', state = 'RUNNING', epoch = 1, attempt = 1, fresh = false,
                started_at = clock_timestamp(),
                lease_until = clock_timestamp() + make_interval(secs => CAST(:lease AS double precision)),
                deadline_at = clock_timestamp() + make_interval(secs => CAST(:limit AS double precision))
            WHERE id = :follow AND work = 'idle' RETURNING id, started_at, signal
        ), begun AS (
            INSERT INTO node_attempt (node_run_id, attempt) SELECT id, 1 FROM led
        ), ready AS (
            UPDATE node_run SET state = 'QUEUED', work = 'ready', lease_until = clock_timestamp() + interval '10 seconds'
            WHERE id = ANY(:ready) AND work = 'idle'
        ), skipped AS (
            UPDATE node_run SET state = 'SKIPPED', work = 'ended', finished_at = clock_timestamp() WHERE id = ANY(:skipped)
        ), closed_waits AS (
            UPDATE wait SET state = 'cancelled' WHERE node_run_id = ANY(:skipped)
        )
        SELECT (SELECT started_at FROM led) AS started_at, (SELECT signal FROM led) AS signal FROM told
        """
    )
    .bindparams(
        *APPEND_TYPES,
        bindparam("follow", type_=PgUuid()),
        bindparam("ready", type_=ARRAY(PgUuid())),
        bindparam("skipped", type_=ARRAY(PgUuid())),
    )
    .columns(signal=_NULLABLE)
)


class Settling:
    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def park(self, claim: Claim, result: Suspend, story: Story) -> None:
        """The node waits as a row. If its signal is there already, it is ready at once. Raises LostClaim.

        A poll that changes nothing to be seen locks only its own row."""
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

    async def _parked(
        self, claim: Claim, story: Story, values: dict[str, Any], lines: Sequence[Entry] | None
    ) -> None:
        async with self._database.begin() as connection:
            if lines is not None:
                await _lock(connection, claim)
            rows = (await connection.execute(_PARK, _story(claim, story) | values)).all()
            work: str | None = rows[0].work
            if work is None:
                raise LostClaim("another worker took this node over, or the run has ended")
            if work == "ready":
                await enqueue(connection, [(claim.run_id, claim.node_run_id, str(claim.epoch))])
            if lines is not None:
                facts = _facts(rows) | {claim.spec.id: NodeFacts(values["state"])}
                await append(connection, claim.run_id, lines, RunChange(run_state(facts.values())))
        if lines is not None or work == "ready":
            self._bell.ring(claim.run_id, work=work == "ready")

    async def end(
        self, claim: Claim, result: Ended, story: Story, *, lease: float, follow: bool = True
    ) -> Claim | None:
        """Record the outcome and what follows from it. When exactly one node becomes ready and `follow`, it is claimed for the
        same worker in the same transaction and returned; others go to the dispatcher. Raises LostClaim."""
        lines = [*story.lines, result.line(claim.spec.label, claim.spec.id)]
        outcome = {
            "state": result.state,
            "output": result.output,
            "port": result.port,
            "outcome": result.state.lower(),
            "error": stored(result.failure),
        }
        following: Claim | None = None
        async with self._database.begin() as connection:
            parent = await _lock(connection, claim)
            rows = (await connection.execute(_END, _story(claim, story) | outcome)).all()
            if not rows[0].mine:
                raise LostClaim("another worker took this node over, or the run has ended")
            facts = _facts(rows) | {claim.spec.id: NodeFacts(result.state, result.port)}
            if result.fatal:
                await end_nodes(connection, claim.run_id, live=NodeState.CANCELLED, pending=NodeState.SKIPPED)
                message = f"failed: {result.failure.message if result.failure else ''}"
                lines.append(Entry("run.failed", message, level="error"))
                change = RunChange(RunState.FAILED, error=stored(result.failure))
                await append(connection, claim.run_id, lines, change)
            else:
                ids: dict[str, UUID] = {r.node_id: r.id for r in rows}
                following, change = await self._follow(
                    connection, claim, result, facts, ids, lines, lease, follow
                )
            ended = change.state is not None and change.state.final
            if ended and parent is not None:
                await signal_parent(connection, parent, claim.run_id, change)
        self._bell.ring(claim.run_id, work=following is None)
        if result.fatal:
            self._bell.ring(*await end_children(self._database, claim.run_id))
        if ended and parent is not None:
            self._bell.ring(parent[0], work=True)
        return following

    async def _follow(
        self,
        connection: AsyncConnection,
        claim: Claim,
        result: Ended,
        facts: dict[str, NodeFacts],
        ids: Mapping[str, UUID],
        lines: list[Entry],
        lease: float,
        follow: bool,
    ) -> tuple[Claim | None, RunChange]:
        wiring = claim.definition.wiring
        step = advance(wiring, facts)
        leading = step.ready[0] if follow and len(step.ready) == 1 else None
        for node in step.ready:
            facts[node] = NodeFacts(NodeState.QUEUED)
        for node in step.skipped:
            facts[node] = NodeFacts(NodeState.SKIPPED)
            lines.append(
                Entry("node.skipped", f"{wiring.nodes[node].label} skipped: no live wire leads to it", node)
            )
        if leading is not None:
            lines.append(
                Entry("node.started", f"{wiring.nodes[leading].label} started", leading, data={"attempt": 1})
            )
        change = RunChange(run_state(facts.values()))
        if change.state is RunState.COMPLETED:
            output = await _run_output(connection, claim.run_id, wiring, facts)
            change = replace(change, output=output)
            lines.append(Entry("run.completed", "completed"))
        waiting = () if leading is not None else step.ready
        row = (
            await connection.execute(
                _APPLY,
                append_values(claim.run_id, lines, change)
                | {
                    "follow": None if leading is None else ids[leading],
                    "lease": lease,
                    "limit": None if leading is None else deadline_of(wiring.nodes[leading]),
                    "ready": [ids[n] for n in waiting],
                    "skipped": [ids[n] for n in step.skipped],
                },
            )
        ).one()
        await enqueue(connection, [(claim.run_id, ids[n], "0") for n in waiting])
        if leading is None:
            return None, change
        made = replace(
            claim,
            node_run_id=ids[leading],
            spec=wiring.nodes[leading],
            epoch=1,
            attempt=1,
            takeovers=0,
            attempt_started_at=row.started_at,
            started_at=row.started_at,
            memo=None,
            signal=None if row.signal is None else Signal(**row.signal),
            fresh=True,
            interrupted=False,
            overdue=False,
            state="RUNNING",
            outputs={},
            live=(),
        )
        return await with_outputs(
            connection, made, known={claim.spec.id: (result.output, result.port)}
        ), change

    async def release(self, claim: Claim, story: Story) -> None:
        """Hand an unfinished piece back at a graceful stop: ready for any worker at once. Only for work that has not reached
        the outside."""
        async with self._database.begin() as connection:
            await _lock(connection, claim)
            await _own(connection, claim, work="ready", lease_until=func.clock_timestamp())
            await enqueue(connection, [(claim.run_id, claim.node_run_id, f"r{claim.epoch}")])
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


def _story(claim: Claim, story: Story) -> dict[str, Any]:
    return {
        "id": claim.node_run_id,
        "run_id": claim.run_id,
        "epoch": claim.epoch,
        "attempt": claim.attempt,
        "exchanges": list(story.exchanges),
        "input": story.input,
        "remote": stored(story.remote),
        "outcome": None,
        "error": None,
    }


async def _lock(connection: AsyncConnection, claim: Claim) -> tuple[UUID, UUID] | None:
    """Lock the run row. Returns (run id, node run id) of the LocalFlow node that waits for this run, if any.
    Raises LostClaim when the run has ended."""
    row = (await connection.execute(_LOCK, {"run_id": claim.run_id})).one()
    if RunState(row.state).final:
        raise LostClaim("the run has ended")
    return None if row.parent_run_id is None else (row.parent_run_id, row.parent_node_run_id)


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


def _facts(rows: Sequence[Any]) -> dict[str, NodeFacts]:
    return {r.node_id: NodeFacts(NodeState(r.state), r.port) for r in rows}


async def _run_output(
    connection: AsyncConnection, run_id: UUID, wiring: Wiring, facts: Mapping[str, NodeFacts]
) -> JsonValue:
    """The output of the one leaf that ran, or an object by node id where the drawing has several leaves."""
    ran = [n for n in wiring.leaves if facts[n].state is not NodeState.SKIPPED]
    rows = await connection.execute(
        select(node_run.c.node_id, node_run.c.output).where(
            node_run.c.run_id == run_id, node_run.c.node_id.in_(ran)
        )
    )
    outputs = {row.node_id: row.output for row in rows}
    if len(wiring.leaves) == 1:
        return outputs.get(wiring.leaves[0])
    return {n: outputs.get(n) for n in ran}

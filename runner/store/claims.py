"""Taking work: one worker at a time has a node run, for as long as its lease lasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import Boolean, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import JsonObject
from runner.database import Database
from runner.model import NodeFacts, NodeSpec, NodeState
from runner.node import Signal
from runner.store.definitions import Definition, Definitions
from runner.tables import node_run


@dataclass(frozen=True)
class Seen:
    """The run's nodes as they were when its history had `seq` lines. Every change of a node's state adds a line, so as long
    as the run row still says `seq`, these are the facts."""

    seq: int
    facts: Mapping[str, NodeFacts]
    ids: Mapping[str, UUID]


@dataclass(frozen=True)
class Claim:
    """One node run in one worker's hands. `epoch` fences: a settle with an older one is refused.

    `outputs` holds what the node's predecessors, and every node its templates name, put out; `live` the predecessors whose
    wire is live, in drawing order. `overdue` is True when the node's overall limit has passed.
    """

    node_run_id: UUID
    run_id: UUID
    workspace_id: UUID
    definition: Definition
    spec: NodeSpec
    epoch: int
    attempt: int
    takeovers: int
    attempt_started_at: datetime
    started_at: datetime
    inputs: JsonObject
    labels: dict[str, str]
    depth: int
    started_by: str
    sealed_seed: bytes | None
    memo: JsonValue = None
    signal: Signal | None = None
    fresh: bool = True
    interrupted: bool = False
    overdue: bool = False
    state: str = "RUNNING"
    outputs: dict[str, JsonValue] = field(default_factory=dict[str, Any])
    live: tuple[str, ...] = ()
    child: bool = False
    seen: Seen | None = None


# Run row first, then node row: the order every writer keeps, so that none waits in a circle.
_CLAIM = (
    text(
        """
        WITH r AS MATERIALIZED (
            SELECT * FROM run WHERE id = :run_id AND state IN ('PENDING', 'RUNNING', 'WAITING') FOR NO KEY UPDATE
        ), old AS MATERIALIZED (
            SELECT n.id, n.fresh, n.work, n.state, n.signal FROM node_run n JOIN r ON r.id = n.run_id
            WHERE n.id = :node_run_id
              AND (n.work = 'ready' OR (n.work = 'leased' AND n.lease_until < clock_timestamp()
                   AND (CAST(:suspects AS boolean) OR n.takeovers = 0)))
            FOR NO KEY UPDATE OF n
        ), new AS (
            UPDATE node_run n SET
                work = 'leased', epoch = n.epoch + 1, attempt = n.attempt + old.fresh::int,
                takeovers = n.takeovers + (old.work = 'leased')::int, fresh = false,
                state = CASE WHEN old.fresh THEN 'RUNNING' ELSE n.state END,
                started_at = coalesce(n.started_at, clock_timestamp()),
                deadline_at = coalesce(n.deadline_at, clock_timestamp() + make_interval(secs => n.limit_seconds)),
                lease_until = clock_timestamp() + make_interval(secs => CAST(:lease AS double precision)), due_at = NULL
            FROM old WHERE n.id = old.id
            RETURNING n.*, old.fresh AS was_fresh, old.work = 'leased' AS taken_over,
                n.deadline_at <= clock_timestamp() AS overdue
        ), begun AS (
            INSERT INTO node_attempt (node_run_id, attempt) SELECT id, attempt FROM new WHERE was_fresh
            ON CONFLICT DO NOTHING RETURNING started_at
        ), told AS (
            UPDATE run SET event_seq = run.event_seq + 1, updated_at = clock_timestamp(),
                state = 'RUNNING', started_at = coalesce(run.started_at, clock_timestamp())
            FROM new WHERE run.id = new.run_id AND (new.was_fresh OR new.taken_over)
            RETURNING run.event_seq
        ), line AS (
            INSERT INTO run_event (run_id, seq, kind, level, node_id, message, data)
            SELECT new.run_id, told.event_seq,
                CASE WHEN new.was_fresh THEN 'node.started' ELSE 'node.taken_over' END,
                CASE WHEN new.was_fresh THEN 'info' ELSE 'warning' END, new.node_id,
                CASE WHEN new.was_fresh THEN new.label || ' started' || CASE WHEN new.attempt > 1 THEN ' (attempt ' || new.attempt || ')' ELSE '' END
                     ELSE new.label || ': its worker is gone, another took over' END,
                jsonb_build_object('attempt', new.attempt)
            FROM new, told
        )
        SELECT new.id, new.run_id, new.node_id, r.orchestrator_id, r.revision, new.epoch, new.attempt, new.takeovers, new.started_at, new.memo, new.signal, new.state,
            new.was_fresh, new.taken_over, coalesce(new.overdue, false) AS overdue,
            r.workspace_id, r.inputs, r.labels, r.depth, r.trigger_by, r.sealed_seed,
            r.parent_node_run_id IS NOT NULL AS child,
            coalesce((SELECT event_seq FROM told), r.event_seq) AS seq,
            -- Both from this statement's snapshot: of use only if the row that was locked is still that old.
            (SELECT before.event_seq FROM run before WHERE before.id = :run_id) = r.event_seq AS current,
            (SELECT jsonb_agg(jsonb_build_array(f.node_id, f.id, f.state, f.port)) FROM node_run f
                WHERE f.run_id = :run_id AND (new.was_fresh OR new.signal IS NOT NULL)) AS facts,
            coalesce((SELECT started_at FROM begun),
                     (SELECT a.started_at FROM node_attempt a WHERE a.node_run_id = new.id AND a.attempt = new.attempt),
                     clock_timestamp()) AS attempt_started_at
        FROM new, r
        """
    )
    .bindparams(bindparam("run_id", type_=PgUuid()), bindparam("node_run_id", type_=PgUuid()))
    .columns(memo=JSONB, signal=JSONB, inputs=JSONB, labels=JSONB, facts=JSONB, overdue=Boolean)
)

# A row that somebody is writing is left for the next beat: waiting for it while holding others could close a circle with
# whoever ends several nodes of one run.
_EXTEND = text(
    """
    WITH mine AS MATERIALIZED (
        SELECT n.id FROM node_run n JOIN unnest(:ids, :epochs) AS held(id, epoch) ON n.id = held.id AND n.epoch = held.epoch
        WHERE n.work = 'leased' FOR NO KEY UPDATE OF n SKIP LOCKED
    )
    UPDATE node_run n SET lease_until = clock_timestamp() + make_interval(secs => CAST(:lease AS double precision))
    FROM mine WHERE n.id = mine.id
    RETURNING n.id
    """
).bindparams(bindparam("ids", type_=ARRAY(PgUuid())), bindparam("epochs", type_=ARRAY(INTEGER)))


_OUTPUTS = (
    text(
        """
        SELECT node_id, output, port FROM node_run
        WHERE run_id = :run_id AND work = 'ended' AND (CAST(:nodes AS text[]) IS NULL OR node_id = ANY(:nodes))
        """
    )
    .bindparams(bindparam("run_id", type_=PgUuid()), bindparam("nodes", type_=ARRAY(TEXT)))
    .columns(output=JSONB(none_as_null=True))
)


class Claims:
    def __init__(self, database: Database, definitions: Definitions) -> None:
        self._database = database
        self._definitions = definitions

    async def take(
        self, run_id: UUID, node_run_id: UUID, *, lease: float, suspects: bool = True
    ) -> Claim | None:
        """The node run, for `lease` seconds; None when there is nothing to do: parked, ended, or in another worker's hands.
        Without `suspects`, also None for what has already cost two workers their life: see `suspect`."""
        async with self._database.single() as connection:
            row = (
                await connection.execute(
                    _CLAIM,
                    {
                        "run_id": run_id,
                        "node_run_id": node_run_id,
                        "lease": lease,
                        "suspects": suspects,
                    },
                )
            ).first()
            if row is None:
                return None
            definition = await self._definitions.get(connection, row.orchestrator_id, row.revision)
            claim = Claim(
                node_run_id=row.id,
                run_id=row.run_id,
                workspace_id=row.workspace_id,
                definition=definition,
                spec=definition.wiring.nodes[row.node_id],
                epoch=row.epoch,
                attempt=row.attempt,
                takeovers=row.takeovers,
                attempt_started_at=row.attempt_started_at,
                started_at=row.started_at,
                inputs=row.inputs,
                labels=row.labels,
                depth=row.depth,
                started_by=row.trigger_by,
                sealed_seed=row.sealed_seed,
                memo=row.memo,
                signal=None if row.signal is None else Signal(**row.signal),
                fresh=row.was_fresh,
                interrupted=row.taken_over and not row.was_fresh,
                overdue=row.overdue,
                state=row.state,
                child=row.child,
                seen=_seen(row),
            )
            return await with_outputs(connection, claim)

    async def suspect(self, node_run_id: UUID) -> bool:
        """Whether two workers died with this node run in hand, and no third has it now."""
        async with self._database.begin() as connection:
            asked = select(node_run.c.takeovers > 0).where(
                node_run.c.id == node_run_id,
                node_run.c.work == "leased",
                node_run.c.lease_until < func.clock_timestamp(),
            )
            return bool(await connection.scalar(asked))

    async def extend(self, held: Sequence[Claim], *, lease: float) -> frozenset[UUID]:
        """Keep these for another `lease` seconds; returns the ones extended. The others are lost, or just being written."""
        if not held:
            return frozenset()
        async with self._database.begin() as connection:
            kept = await connection.scalars(
                _EXTEND,
                {"lease": lease, "ids": [c.node_run_id for c in held], "epochs": [c.epoch for c in held]},
            )
            return frozenset(kept)

    async def lost(self, held: Sequence[Claim]) -> frozenset[UUID]:
        """Those of `held` that are ours no longer: ended with their run, or in another worker's hands."""
        if not held:
            return frozenset()
        async with self._database.begin() as connection:
            ids = [c.node_run_id for c in held]
            asked = select(node_run.c.id, node_run.c.epoch).where(
                node_run.c.id.in_(ids), node_run.c.work == "leased"
            )
            epochs = {row.id: row.epoch for row in await connection.execute(asked)}
        return frozenset(c.node_run_id for c in held if epochs.get(c.node_run_id) != c.epoch)


async def with_outputs(
    connection: AsyncConnection, claim: Claim, known: Mapping[str, tuple[JsonValue, str | None]] | None = None
) -> Claim:
    """`claim` with the outputs it may read: its predecessors', or every node's where its templates name nodes. `known` are
    outputs and ports still in hand, which need not be read again."""
    edges = claim.definition.wiring.into[claim.spec.id]
    sources = {e.source for e in edges}
    if _names_nodes(claim.spec):
        found = await _outputs(connection, claim.run_id, None)
    elif known is not None and sources <= known.keys():
        found = dict(known)
    elif sources:
        found = await _outputs(connection, claim.run_id, list(sources))
    else:
        return claim
    live = dict.fromkeys(e.source for e in edges if e.source in found and found[e.source][1] == e.port)
    outputs = {node: output for node, (output, port) in found.items() if port is not None}
    return replace(claim, outputs=outputs, live=tuple(live))


async def _outputs(
    connection: AsyncConnection, run_id: UUID, nodes: list[str] | None
) -> dict[str, tuple[JsonValue, str | None]]:
    """Output and port of the ended nodes among `nodes`; of all for None."""
    rows = await connection.execute(_OUTPUTS, {"run_id": run_id, "nodes": nodes})
    return {row.node_id: (row.output, row.port) for row in rows}


def _seen(row: Any) -> Seen | None:
    if not row.current or row.facts is None:
        return None
    facts = {node: NodeFacts(NodeState(state), port) for node, _, state, port in row.facts}
    ids = {node: UUID(id_) for node, id_, _, _ in row.facts}
    return Seen(row.seq, facts | {row.node_id: NodeFacts(NodeState(row.state))}, ids)


def deadline_of(spec: NodeSpec) -> float | None:
    """The node's overall limit in seconds."""
    limit = spec.data.config.get("deadline")
    return limit / 1000 if isinstance(limit, int | float) else None


def _names_nodes(spec: NodeSpec) -> bool:
    return "nodes" in repr(spec.data.config)

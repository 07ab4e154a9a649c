"""Taking work: one worker at a time has a node run, for as long as its lease lasts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER
from sqlalchemy.dialects.postgresql import UUID as PgUuid

from providers import JsonObject
from runner.database import Database, persistent
from runner.model import NodeFacts, NodeSpec, NodeState
from runner.node import Signal
from runner.store.batch import Query
from runner.store.definitions import Definition, Definitions
from runner.tables import node_run

READ_FOR = 60.0
"""Seconds for which what a claim needs is read again while the database is away."""
Outcome = tuple[JsonValue, str | None]
"""A node's output, and the port it left by."""


@dataclass(frozen=True)
class Seen:
    """The run's nodes as they were when its history had `seq` lines. Every change of a node's state adds a line, so as long
    as the run row still says `seq`, these are the facts."""

    seq: int
    facts: Mapping[str, NodeFacts]
    ids: Mapping[str, UUID]


@dataclass(frozen=True, eq=False)
class Claim:
    """One node run in one worker's hands. `epoch` fences: a settle with an older one is refused.

    `outputs` holds what the node's predecessors, and every node its templates name, put out; `live` the predecessors whose
    wire is live, in drawing order. `seconds_left` of the node's overall limit as it was claimed, by the database's clock; None
    without a limit. `repeats`: the run repeats an earlier one; `recorded`: from what that one recorded, calling nobody.
    `node_inputs`, by node, are what a person gave in the place of what wires bring.
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
    seconds_left: float | None = None
    state: str = "RUNNING"
    outputs: dict[str, JsonValue] = field(default_factory=dict[str, Any])
    live: tuple[str, ...] = ()
    child: bool = False
    repeats: bool = False
    recorded: bool = False
    node_inputs: JsonObject = field(default_factory=dict[str, Any])
    seen: Seen | None = None

    @property
    def overdue(self) -> bool:
        return self.seconds_left is not None and self.seconds_left <= 0


# `lease_until` says until when a row is somebody's; one that is ready is nobody's at once. Run rows first, then node rows: the
# order every writer keeps. What somebody is writing just now is left alone; `found` counts it too, so that the asker comes again.
# Always at least one row.
_TAKE = Query(
    """
    WITH due AS MATERIALIZED (
        SELECT id, run_id, lease_until FROM node_run
        WHERE work IN ('ready', 'leased') AND lease_until <= statement_timestamp()
          AND (work = 'leased' AND takeovers > 0) = CAST(:suspects AS boolean) AND id <> ALL(CAST(:held AS uuid[]))
        ORDER BY lease_until LIMIT :limit
    ), r AS MATERIALIZED (
        SELECT * FROM run WHERE id IN (SELECT run_id FROM due) AND state IN ('PENDING', 'RUNNING', 'WAITING')
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ), old AS MATERIALIZED (
        SELECT n.id, n.fresh, n.work FROM due JOIN r ON r.id = due.run_id JOIN node_run n ON n.id = due.id
        WHERE n.work IN ('ready', 'leased') AND n.lease_until <= statement_timestamp()
        FOR NO KEY UPDATE OF n SKIP LOCKED
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
            CAST(extract(epoch FROM n.deadline_at - clock_timestamp()) AS double precision) AS seconds_left
    ), begun AS (
        INSERT INTO node_attempt (node_run_id, attempt) SELECT id, attempt FROM new WHERE was_fresh
        ON CONFLICT DO NOTHING RETURNING node_run_id, started_at
    ), counted AS (
        SELECT run_id, count(*) AS lines FROM new WHERE was_fresh OR taken_over GROUP BY run_id
    ), told AS (
        UPDATE run SET event_seq = run.event_seq + counted.lines, updated_at = clock_timestamp(),
            state = 'RUNNING', started_at = coalesce(run.started_at, clock_timestamp())
        FROM counted WHERE run.id = counted.run_id
        RETURNING run.id, run.event_seq, run.event_seq - counted.lines AS before
    ), line AS (
        INSERT INTO run_event (run_id, seq, kind, level, node_id, message, data)
        SELECT new.run_id, told.before + row_number() OVER (PARTITION BY new.run_id ORDER BY new.id),
            CASE WHEN new.was_fresh THEN 'node.started' ELSE 'node.taken_over' END,
            CASE WHEN new.was_fresh THEN 'info' ELSE 'warning' END, new.node_id,
            CASE WHEN new.was_fresh THEN new.label || ' started' || CASE WHEN new.attempt > 1 THEN ' (attempt ' || new.attempt || ')' ELSE '' END
                 ELSE new.label || ': its worker is gone, another took over' END,
            jsonb_build_object('attempt', new.attempt)
        FROM new JOIN told ON told.id = new.run_id WHERE new.was_fresh OR new.taken_over
    )
    SELECT new.id, new.run_id, new.node_id, r.orchestrator_id, r.revision, new.epoch, new.attempt, new.takeovers,
        new.started_at, new.memo, new.signal, new.state, new.was_fresh, new.taken_over, new.interrupted,
        new.seconds_left,
        r.workspace_id, r.inputs, r.node_inputs, r.labels, r.depth, r.trigger_by, r.sealed_seed,
        r.parent_node_run_id IS NOT NULL AS child, r.retry_of IS NOT NULL AS repeats,
        r.trigger_kind = 'recorded' AS recorded,
        coalesce(told.event_seq, r.event_seq) AS seq,
        -- Both from this statement's snapshot: of use only if the row that was locked is still that old.
        (SELECT before.event_seq FROM run before WHERE before.id = r.id) = r.event_seq AS current,
        (SELECT jsonb_agg(jsonb_build_array(f.node_id, f.id, f.state, f.port)) FROM node_run f
            WHERE f.run_id = r.id AND (new.was_fresh OR new.signal IS NOT NULL)) AS facts,
        coalesce(begun.started_at,
                 (SELECT a.started_at FROM node_attempt a WHERE a.node_run_id = new.id AND a.attempt = new.attempt),
                 clock_timestamp()) AS attempt_started_at,
        d.found
    FROM (SELECT count(*) AS found FROM due) d LEFT JOIN (new JOIN r ON r.id = new.run_id) ON true
        LEFT JOIN told ON told.id = r.id LEFT JOIN begun ON begun.node_run_id = new.id
    """
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


_OUTPUTS = Query(
    """
    SELECT n.run_id, n.node_id, n.output, n.port FROM node_run n
    JOIN unnest(CAST(:runs AS uuid[]), CAST(:nodes AS text[])) AS asked(run_id, node_id)
        ON n.run_id = asked.run_id AND n.node_id = asked.node_id
    WHERE n.work = 'ended'
    """
)


@dataclass(frozen=True)
class Taken:
    """`more`: there was work that this asking left alone, for now."""

    claims: tuple[Claim, ...]
    more: bool


class Claims:
    def __init__(self, database: Database, definitions: Definitions) -> None:
        self._database = database
        self._definitions = definitions

    async def take(
        self, limit: int, *, lease: float, suspects: bool = False, held: Collection[UUID] = ()
    ) -> Taken:
        """Up to `limit` node runs that are ready, or whose worker is silent, for `lease` seconds.

        With `suspects`, instead those that have already cost a worker its life. `held` are in the asker's own hands: late with
        its heartbeat, it must not take over from itself."""
        async with self._database.fast() as connection:
            rows = await self.rows(connection, limit, lease, suspects, held)
        found: int = rows[0]["found"]
        new = [row for row in rows if row["id"] is not None]
        moved: dict[UUID, dict[str, NodeFacts]] = {}
        for row in new:
            moved.setdefault(row["run_id"], {})[row["node_id"]] = NodeFacts(NodeState(row["state"]))
        # They are ours now: a connection that breaks between must not leave them to their lease, as if a worker had died.
        claims = await persistent(lambda: self._fed([(row, moved[row["run_id"]]) for row in new]), lease / 2)
        return Taken(tuple(claims), found > len(claims) or found == limit)

    async def rows(
        self, connection: Any, limit: int, lease: float, suspects: bool, held: Collection[UUID]
    ) -> Any:
        given = {"limit": limit, "lease": lease, "suspects": suspects, "held": list(held)}
        return await _TAKE.on(connection, **given)

    async def _claim(self, row: Any, moved: Mapping[str, NodeFacts]) -> Claim:
        definition = await self._definitions.load(self._database, row["orchestrator_id"], row["revision"])
        return Claim(
            node_run_id=row["id"],
            run_id=row["run_id"],
            workspace_id=row["workspace_id"],
            definition=definition,
            spec=definition.wiring.nodes[row["node_id"]],
            epoch=row["epoch"],
            attempt=row["attempt"],
            takeovers=row["takeovers"],
            attempt_started_at=row["attempt_started_at"],
            started_at=row["started_at"],
            inputs=row["inputs"],
            labels=row["labels"],
            depth=row["depth"],
            started_by=row["trigger_by"],
            sealed_seed=row["sealed_seed"],
            memo=row["memo"],
            signal=None if row["signal"] is None else Signal(**row["signal"]),
            fresh=row["was_fresh"],
            interrupted=row["interrupted"] or (row["taken_over"] and not row["was_fresh"]),
            seconds_left=row["seconds_left"],
            state=row["state"],
            child=row["child"],
            repeats=row["repeats"],
            recorded=row["recorded"],
            node_inputs=row["node_inputs"],
            seen=_seen(row, moved),
        )

    async def _fed(self, rows: Sequence[tuple[Any, Mapping[str, NodeFacts]]]) -> list[Claim]:
        asked = {claim: _reads(claim) for claim in [await self._claim(row, moved) for row, moved in rows]}
        pairs = [(claim.run_id, node) for claim, nodes in asked.items() for node in nodes]
        found = await self.outputs(pairs)
        return [
            fed(claim, {n: found[claim.run_id, n] for n in nodes if (claim.run_id, n) in found})
            for claim, nodes in asked.items()
        ]

    async def outputs(self, asked: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], Outcome]:
        """Output and port of those (run id, node id) that have ended."""
        if not asked:
            return {}
        given = {"runs": [run_id for run_id, _ in asked], "nodes": [node for _, node in asked]}
        rows = await _OUTPUTS.rows(self._database, **given)
        return {(row["run_id"], row["node_id"]): (row["output"], row["port"]) for row in rows}

    async def fed(self, claim: Claim, known: Mapping[str, Outcome]) -> Claim:
        """`claim` with the outputs it may read; `known` are those still in hand, which need not be read again."""
        reads = _reads(claim)
        missing = [(claim.run_id, node) for node in reads if node not in known]
        read = await persistent(lambda: self.outputs(missing), READ_FOR)
        found = {node: outcome for (_, node), outcome in read.items()}
        return fed(claim, {**found, **{node: known[node] for node in reads if node in known}})

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


def fed(claim: Claim, outcomes: Mapping[str, Outcome]) -> Claim:
    """`claim` with the outputs of nodes that have ended, and which of its wires are live."""
    edges = claim.definition.wiring.into[claim.spec.id]
    live = dict.fromkeys(e.source for e in edges if e.source in outcomes and outcomes[e.source][1] == e.port)
    outputs = {node: output for node, (output, port) in outcomes.items() if port is not None}
    return replace(claim, outputs=outputs, live=tuple(live))


def _reads(claim: Claim) -> list[str]:
    """The nodes whose outputs this one may read: its predecessors, or all where its templates name nodes."""
    wiring = claim.definition.wiring
    if claim.definition.names_nodes(claim.spec.id):
        return list(wiring.nodes)
    return list(dict.fromkeys(e.source for e in wiring.into[claim.spec.id]))


def _seen(row: Any, moved: Mapping[str, NodeFacts]) -> Seen | None:
    """`moved` are the nodes of the run that were taken in this statement, which its own snapshot cannot show."""
    if not row["current"] or row["facts"] is None:
        return None
    facts = {node: NodeFacts(NodeState(state), port) for node, _, state, port in row["facts"]}
    ids = {node: UUID(id_) for node, id_, _, _ in row["facts"]}
    return Seen(row["seq"], {**facts, **moved}, ids)


def deadline_of(spec: NodeSpec) -> float | None:
    """The node's overall limit in seconds."""
    limit = spec.data.config.get("deadline")
    return limit / 1000 if isinstance(limit, int | float) else None

"""Testing a part of a drawing, and telling beforehand what a run, a test or a retry would do."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import JsonObject, Registry
from runner.check import check, check_inputs
from runner.database import Database
from runner.decision import Decision, Mode, Outcome, Source, decide_run, decide_test
from runner.errors import GraphError, OutputsMissing
from runner.graph import Wiring
from runner.model import Graph, Scope, TriggerInfo
from runner.plan import Plan, blocking, describe, lacking
from runner.store.asking import Which, chosen, ended_run, first_asked, known, new_run
from runner.store.beginning import BEGIN, Beginning
from runner.store.bell import Bell
from runner.store.connection_uses import refuse_started
from runner.store.definitions import Definitions
from runner.store.orchestrators import mine
from runner.tables import orchestrator, run
from runner.vault import Vault

Origin = Literal["mine", "last"]
"""Whose outcomes may be reused: those of runs the asker started, or of anybody's."""
FLOW: Final = "LocalFlow"
_RUNS = 200
"""How many of the newest runs are looked through."""

# What was copied or pinned in an earlier run is not looked at: only where a node itself ran is its output known.
_OUTCOMES = (
    text(
        """
        WITH recent AS MATERIALIZED (
            SELECT id, number, revision, trigger_kind, inputs FROM run
            WHERE workspace_id = :workspace AND orchestrator_id = :orchestrator
              AND (CAST(:subject AS text) IS NULL OR trigger_by = :subject)
            ORDER BY id DESC LIMIT :runs
        ), found AS (
            SELECT DISTINCT ON (n.node_id) n.id, r.id AS run_id, r.number, r.revision,
                r.trigger_kind = 'test' AS test, r.inputs = :inputs AS same_inputs
            FROM recent r JOIN node_run n ON n.run_id = r.id
                JOIN unnest(:nodes, :types) AS wanted(node_id, type) ON wanted.node_id = n.node_id AND wanted.type = n.type
            WHERE n.state = 'COMPLETED' AND NOT n.reused
            ORDER BY n.node_id, r.id DESC
        )
        SELECT found.*, n.node_id, n.input, n.output, n.port, n.remote, n.finished_at
        FROM found JOIN node_run n ON n.id = found.id
        """
    )
    .bindparams(
        bindparam("workspace", type_=PgUuid()),
        bindparam("orchestrator", type_=PgUuid()),
        bindparam("inputs", type_=JSONB()),
        bindparam("nodes", type_=ARRAY(TEXT)),
        bindparam("types", type_=ARRAY(TEXT)),
    )
    .columns(input=JSONB(none_as_null=True), output=JSONB(none_as_null=True), remote=JSONB(none_as_null=True))
)


class Trials:
    """Test runs and plans. A test is a real run of the newest revision, of which some nodes are given their outcome."""

    def __init__(
        self, database: Database, vault: Vault, definitions: Definitions, bell: Bell, registry: Registry
    ) -> None:
        self._database = database
        self._vault = vault
        self._definitions = definitions
        self._bell = bell
        self._registry = registry

    async def test(
        self,
        scope: Scope,
        orchestrator_id: UUID,
        *,
        node_id: str,
        mode: Literal["node", "upTo"],
        source: Origin = "mine",
        inputs: JsonObject | None = None,
        key: str | None = None,
    ) -> UUID:
        """A run of one node, or of what leads up to it; without `inputs`, with those of the newest run. Idempotent by `key`.

        Raises NotFound, OutputsMissing, GraphError (in the nodes that would run), InputsInvalid, Conflict.
        """
        async with self._database.begin(scope) as connection:
            new = await new_run(connection, scope, orchestrator_id)
            run_id: UUID = new.id
            asked = [str(orchestrator_id), node_id, mode, source, inputs]
            if key and (first := await first_asked(connection, scope, "test", key, asked, run_id)) != run_id:
                return first
            definition = await self._definitions.get(connection, orchestrator_id, known(new.revision))
            _orderly(definition.wiring)
            given = inputs
            if given is None:
                given = await _last_inputs(connection, scope, orchestrator_id, source)
            decision = await self._decided(
                connection, scope, orchestrator_id, definition.wiring, node_id, mode, source, given
            )
            if decision.missing:
                problems = lacking(definition.wiring, decision)
                names = ", ".join(definition.wiring.nodes[n].label for n in decision.missing)
                raise OutputsMissing(
                    f"{definition.wiring.nodes[node_id].label} needs the output of {names}", problems
                )
            if errors := blocking(decision, definition.problems):
                raise GraphError(f"this cannot be tested: {errors[0].detail}", errors)
            check_inputs(definition.wiring.graph, given)
            await refuse_started(connection, scope, definition.wiring.graph)
            await connection.execute(
                BEGIN.clause,
                Beginning(
                    self._vault,
                    scope,
                    definition,
                    run_id,
                    given,
                    {},
                    TriggerInfo(kind="test", by=scope.subject),
                    decision=decision,
                    about={"test": {"nodeId": node_id, "mode": mode}},
                ).values(),
            )
        self._bell.ring(run_id, work=True)
        return run_id

    async def plan(
        self,
        scope: Scope,
        orchestrator_id: UUID,
        *,
        node_id: str | None,
        mode: Mode,
        source: Origin = "mine",
        inputs: JsonObject | None = None,
        graph: Graph | None = None,
        revision: Which | None = "latest",
    ) -> Plan:
        """What `test`, or for mode "all" a run of `revision` (see `Runs.create`), would do now; with `graph`, if that were saved.
        Raises NotFound, Conflict."""
        async with self._database.begin(scope) as connection:
            new = await new_run(connection, scope, orchestrator_id)
            number = chosen(new.revision, new.published_revision, revision)
            if graph is None:
                definition = await self._definitions.get(connection, orchestrator_id, number)
                wiring, problems = definition.wiring, definition.problems
            else:
                wiring, problems = Wiring(graph), check(graph)
            if stuck := tuple(p for p in problems if p.code == "cycle"):
                return Plan(summary=stuck[0].detail, problems=stuck, steps=())
            flows = await _flows(connection, scope, wiring)
            if mode == "all" or node_id is None:
                return describe(wiring, decide_run(wiring), problems, self._registry, flows)
            given = inputs
            if given is None:
                given = await _last_inputs(connection, scope, orchestrator_id, source)
            decision = await self._decided(
                connection, scope, orchestrator_id, wiring, node_id, mode, source, given
            )
        return describe(wiring, decision, problems, self._registry, flows)

    async def retry_plan(
        self, scope: Scope, run_id: UUID, *, start: str, latest: bool, recorded: bool = False
    ) -> Plan:
        """What `Runs.retry` would do. Raises as it does."""
        async with self._database.begin(scope) as connection:
            _, definition, decision = await ended_run(
                connection, self._definitions, scope, run_id, start=start, latest=latest, recorded=recorded
            )
            flows = await _flows(connection, scope, definition.wiring)
        return describe(definition.wiring, decision, definition.problems, self._registry, flows)

    async def _decided(
        self,
        connection: AsyncConnection,
        scope: Scope,
        orchestrator_id: UUID,
        wiring: Wiring,
        node_id: str,
        mode: Literal["node", "upTo"],
        source: Origin,
        inputs: JsonObject,
    ) -> Decision:
        before = [] if node_id not in wiring.nodes else sorted(wiring.upstream(node_id))
        asked: dict[str, Any] = {
            "workspace": scope.workspace_id,
            "orchestrator": orchestrator_id,
            "subject": scope.subject if source == "mine" else None,
            "runs": _RUNS,
            "inputs": inputs,
            "nodes": before,
            "types": [wiring.nodes[n].type for n in before],
        }
        rows = (await connection.execute(_OUTCOMES, asked)).all() if before else ()
        outcomes = {
            row.node_id: Outcome(
                source=Source(run_id=row.run_id, number=row.number, at=row.finished_at),
                wiring=(await self._definitions.get(connection, orchestrator_id, row.revision)).wiring,
                output=row.output,
                port=row.port,
                input=row.input,
                remote=row.remote,
                test=row.test,
                same_inputs=row.same_inputs,
            )
            for row in rows
        }
        return decide_test(wiring, node_id, mode, outcomes)


async def _last_inputs(
    connection: AsyncConnection, scope: Scope, orchestrator_id: UUID, source: Origin
) -> JsonObject:
    query = select(run.c.inputs).where(
        run.c.workspace_id == scope.workspace_id, run.c.orchestrator_id == orchestrator_id
    )
    if source == "mine":
        query = query.where(run.c.trigger_by == scope.subject)
    return await connection.scalar(query.order_by(run.c.id.desc()).limit(1)) or {}


async def _flows(connection: AsyncConnection, scope: Scope, wiring: Wiring) -> dict[str, str]:
    """By node that runs another orchestrator: which, and the revision that would be run now, in words."""
    wanted: dict[str, UUID] = {}
    for name, spec in wiring.nodes.items():
        if spec.type == FLOW and not spec.data.config.get("baseURL"):
            with suppress(ValueError):
                wanted[name] = UUID(str(spec.data.config.get("flowId")))
    if not wanted:
        return {}
    rows = await connection.execute(
        select(
            orchestrator.c.id, orchestrator.c.name, orchestrator.c.revision, orchestrator.c.published_revision
        ).where(*mine(scope), orchestrator.c.id.in_(set(wanted.values())))
    )
    told = {
        row.id: f"{row.name}, published revision {row.published_revision}"
        if row.published_revision is not None
        else f"{row.name}, revision {row.revision}, its newest"
        for row in rows
    }
    return {name: told.get(flow, "an orchestrator that is not there") for name, flow in wanted.items()}


def _orderly(wiring: Wiring) -> None:
    """Raises GraphError for a drawing with a cycle, before anything is looked for in it."""
    _ = wiring.order

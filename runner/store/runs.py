"""Starting, cancelling and retrying runs. One method, one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import JsonObject
from runner.database import Database
from runner.errors import Conflict, GraphError, NotFound
from runner.graph import Wiring
from runner.model import NodeState, RunState, Scope, TriggerInfo
from runner.store.beginning import begin_run
from runner.store.bell import Bell
from runner.store.definitions import Definition, Definitions
from runner.store.ending import end_children, end_nodes
from runner.store.events import Entry, RunChange, append
from runner.tables import idempotency, node_run, run
from runner.vault import Vault

MAX_DEPTH = 20
"""How deep runs may start runs."""


class Runs:
    """Runs as their users move them: create, cancel, retry."""

    def __init__(self, database: Database, vault: Vault, definitions: Definitions, bell: Bell) -> None:
        self._database = database
        self._vault = vault
        self._definitions = definitions
        self._bell = bell

    async def create(
        self,
        scope: Scope,
        orchestrator_id: UUID,
        inputs: JsonObject,
        *,
        labels: Mapping[str, str] | None = None,
        trigger: TriggerInfo,
        key: str | None = None,
        revision: int | None = None,
    ) -> UUID:
        """A new run of the current revision (or of `revision`), its first nodes handed to the workers.

        The same `key` within 24 h answers with the first run. Raises NotFound, GraphError (problems in the drawing),
        Conflict (the key was used for another request).
        """
        async with self._database.begin() as connection:
            new = await _new(connection, scope, orchestrator_id)
            run_id: UUID = new.id
            asked = [str(orchestrator_id), inputs, dict(labels or {}), revision]
            if key and (first := await _first(connection, scope, "run", key, asked, run_id)) != run_id:
                return first
            definition = await self._runnable(connection, orchestrator_id, revision or _known(new.revision))
            await begin_run(
                connection, self._vault, scope, definition, run_id, inputs, dict(labels or {}), trigger
            )
        self._bell.ring(run_id, work=True)
        return run_id

    async def create_child(
        self,
        scope: Scope,
        flow_id: UUID,
        inputs: JsonObject,
        *,
        parent: UUID,
        depth: int,
        labels: Mapping[str, str],
    ) -> UUID:
        """The run a LocalFlow node waits for; asked again for the same `parent` node run, the same child."""
        if depth >= MAX_DEPTH:
            raise Conflict(
                f"runs that start runs may nest {MAX_DEPTH} deep",
                code="nested-too-deep",
                hint="Does a flow call itself?",
            )
        async with self._database.begin() as connection:
            # A cancel of the parent comes wholly before this, or finds the child.
            work = await connection.scalar(
                select(node_run.c.work).where(node_run.c.id == parent).with_for_update(key_share=True)
            )
            if work != "leased":
                raise Conflict("the run that asks for this flow has ended", code="run-ended")
            if (
                known := await connection.scalar(select(run.c.id).where(run.c.parent_node_run_id == parent))
            ) is not None:
                return known
            new = await _new(connection, scope, flow_id)
            run_id: UUID = new.id
            definition = await self._runnable(connection, flow_id, _known(new.revision))
            trigger = TriggerInfo(kind="flow", by=scope.subject)
            await begin_run(
                connection,
                self._vault,
                scope,
                definition,
                run_id,
                inputs,
                labels,
                trigger,
                parent_node_run_id=parent,
                depth=depth + 1,
            )
        self._bell.ring(run_id, work=True)
        return run_id

    async def cancel(self, scope: Scope, run_id: UUID) -> None:
        """End the run now: no further node starts, parked ones wake no more, late results are discarded. Idempotent.

        Raises NotFound. A run that has ended keeps its end.
        """
        async with self._database.begin() as connection:
            found = (
                await connection.execute(
                    select(run.c.state)
                    .where(run.c.id == run_id, run.c.workspace_id == scope.workspace_id)
                    .with_for_update()
                )
            ).first()
            if found is None:
                raise NotFound("there is no such run")
            if RunState(found.state).final:
                return
            await end_nodes(connection, run_id, live=NodeState.CANCELLED, pending=NodeState.CANCELLED)
            line = Entry("run.cancelled", f"cancelled by {scope.subject}", level="warning")
            await append(connection, run_id, [line], RunChange(RunState.CANCELLED))
        self._bell.ring(run_id, work=True)
        for child in await end_children(self._database, run_id):
            self._bell.ring(child, work=True)

    async def retry(
        self,
        scope: Scope,
        run_id: UUID,
        *,
        start: str,
        latest: bool,
        inputs: JsonObject | None,
        trigger: TriggerInfo,
        key: str | None = None,
    ) -> UUID:
        """A new run that repeats an ended one from "start", from the "failed" nodes, or from one node's id.

        Nodes that are not repeated keep their outcome and are marked as reused. Raises NotFound, Conflict, GraphError.
        """
        async with self._database.begin() as connection:
            new = await _new(connection, scope, None)
            new_id: UUID = new.id
            if (
                key
                and (
                    first := await _first(
                        connection, scope, "retry", key, [str(run_id), start, latest, inputs], new_id
                    )
                )
                != new_id
            ):
                return first
            old = (
                await connection.execute(
                    select(run).where(run.c.id == run_id, run.c.workspace_id == scope.workspace_id)
                )
            ).first()
            if old is None:
                raise NotFound("there is no such run")
            if not RunState(old.state).final:
                raise Conflict("the run has not ended", hint="Cancel it first, or wait for its end.")
            revision = old.revision
            if latest:
                revision = _known((await _new(connection, scope, old.orchestrator_id)).revision)
            definition = await self._runnable(connection, old.orchestrator_id, revision)
            nodes = (await connection.execute(select(node_run).where(node_run.c.run_id == run_id))).all()
            kept = _kept(definition.wiring, nodes, start)
            await begin_run(
                connection,
                self._vault,
                scope,
                definition,
                new_id,
                old.inputs if inputs is None else inputs,
                old.labels,
                trigger,
                retry_of=run_id,
                kept={n.node_id: n for n in nodes if n.node_id in kept},
            )
        self._bell.ring(new_id, work=True)
        return new_id

    async def _runnable(
        self, connection: AsyncConnection, orchestrator_id: UUID, revision: int
    ) -> Definition:
        definition = await self._definitions.get(connection, orchestrator_id, revision)
        if definition.errors:
            raise GraphError(
                f"this orchestrator cannot run: {definition.errors[0].detail}", definition.errors
            )
        return definition


_NEW = text(
    """
    SELECT uuidv7() AS id, (
        SELECT revision FROM orchestrator WHERE id = :orchestrator_id AND workspace_id = :workspace_id AND deleted_at IS NULL
    ) AS revision
    """
).bindparams(bindparam("orchestrator_id", type_=PgUuid()), bindparam("workspace_id", type_=PgUuid()))


async def _new(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID | None) -> Any:
    """A time-ordered `id`, and the orchestrator's current `revision`, None if it has none."""
    asked = {"orchestrator_id": orchestrator_id, "workspace_id": scope.workspace_id}
    return (await connection.execute(_NEW, asked)).one()


def _known(revision: int | None) -> int:
    if revision is None:
        raise NotFound("there is no such orchestrator")
    return revision


async def _first(
    connection: AsyncConnection, scope: Scope, operation: str, key: str, asked: object, result_id: UUID
) -> UUID:
    """`result_id` when this key is new here, else the id the first request got. A concurrent first request is waited for."""
    request = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()
    mine = (
        idempotency.c.workspace_id == scope.workspace_id,
        idempotency.c.operation == operation,
        idempotency.c.key == key,
    )
    await connection.execute(
        delete(idempotency).where(
            *mine, idempotency.c.created_at < func.clock_timestamp() - text("interval '24 hours'")
        )
    )
    made = await connection.execute(
        upsert(idempotency)
        .values(
            workspace_id=scope.workspace_id,
            operation=operation,
            key=key,
            request_sha256=request,
            result_id=result_id,
        )
        .on_conflict_do_nothing()
    )
    if made.rowcount:
        return result_id
    first = (await connection.execute(select(idempotency).where(*mine))).one()
    if first.request_sha256 != request:
        raise Conflict(
            "this Idempotency-Key was used for another request",
            code="idempotency-key-reused",
            hint="Use a new key for a new request.",
        )
    return first.result_id


def _kept(wiring: Wiring, nodes: Sequence[Any], start: str) -> frozenset[str]:
    """The nodes whose outcome a retry keeps: completed ones that nothing repeated leads to."""
    if start == "start":
        return frozenset()
    done = {n.node_id for n in nodes if n.state == NodeState.COMPLETED and n.node_id in wiring.nodes}
    done = {n for n in done if wiring.nodes[n].type == next(r.type for r in nodes if r.node_id == n)}
    if start == "failed":
        again = {
            n.node_id
            for n in nodes
            if n.state in (NodeState.FAILED, NodeState.TIMED_OUT, NodeState.CANCELLED)
            and n.node_id in wiring.nodes
        }
        if not again:
            raise Conflict(
                "no node of this run failed",
                code="nothing-failed",
                hint="Retry from the start, or from a node.",
            )
    elif start in wiring.nodes:
        again = {start}
    else:
        raise NotFound(
            f"there is no node {start!r} in that revision", hint="Use start, failed, or the id of a node."
        )
    again |= {n for n in wiring.nodes if n not in done}
    return frozenset(n for n in done - again if not (wiring.upstream(n) & again))

"""Starting, cancelling and retrying runs. One method, one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import JsonObject
from runner import tokens
from runner.database import Database
from runner.errors import Conflict, GraphError, NotFound
from runner.graph import Wiring, advance, run_state
from runner.model import NodeFacts, NodeSpec, NodeState, RunState, Scope, TriggerInfo
from runner.store.bell import Bell
from runner.store.claims import deadline_of
from runner.store.definitions import Definition, Definitions
from runner.store.ending import end_children, end_nodes
from runner.store.events import Entry, RunChange, append
from runner.store.jobs import enqueue
from runner.tables import idempotency, node_run, orchestrator, run, wait
from runner.vault import Vault

MAX_DEPTH = 20
"""How deep runs may start runs."""
PICKUP_SECONDS = 10
"""A ready node that nobody claimed for this long is offered to the dispatcher again."""
WAIT_KIND = "WaitForCallback"


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
            run_id, now = await _new_id(connection)
            asked = [str(orchestrator_id), inputs, dict(labels or {}), revision]
            if key and (first := await _first(connection, scope, "run", key, asked, run_id)) != run_id:
                return first
            current = await _current(connection, scope, orchestrator_id)
            definition = await self._runnable(connection, orchestrator_id, revision or current)
            await self._insert(
                connection, scope, definition, run_id, now, inputs, dict(labels or {}), trigger
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
            run_id, now = await _new_id(connection)
            definition = await self._runnable(connection, flow_id, await _current(connection, scope, flow_id))
            trigger = TriggerInfo(kind="flow", by=scope.subject)
            await self._insert(
                connection,
                scope,
                definition,
                run_id,
                now,
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
            new_id, now = await _new_id(connection)
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
            revision = await _current(connection, scope, old.orchestrator_id) if latest else old.revision
            definition = await self._runnable(connection, old.orchestrator_id, revision)
            nodes = (await connection.execute(select(node_run).where(node_run.c.run_id == run_id))).all()
            kept = _kept(definition.wiring, nodes, start)
            await self._insert(
                connection,
                scope,
                definition,
                new_id,
                now,
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

    async def _insert(
        self,
        connection: AsyncConnection,
        scope: Scope,
        definition: Definition,
        run_id: UUID,
        now: datetime,
        inputs: JsonObject,
        labels: Mapping[str, str],
        trigger: TriggerInfo,
        *,
        retry_of: UUID | None = None,
        parent_node_run_id: UUID | None = None,
        depth: int = 0,
        kept: Mapping[str, Any] | None = None,
    ) -> None:
        wiring = definition.wiring
        kept = kept or {}
        facts = {n: NodeFacts(NodeState(row.state), row.port) for n, row in kept.items()}
        step = advance(wiring, facts)
        for node in step.ready:
            facts[node] = NodeFacts(NodeState.QUEUED)
        for node in step.skipped:
            facts[node] = NodeFacts(NodeState.SKIPPED)
        waits = [n for n, spec in wiring.nodes.items() if spec.type == WAIT_KIND and n not in kept]
        sealed = key_id = seed = None
        if any(spec.type == WAIT_KIND for spec in wiring.nodes.values()):
            seed = tokens.new_seed()
            box = self._vault.seal(seed, f"run:{scope.workspace_id}:{run_id}")
            sealed, key_id = box.blob, box.key_id
        entries = [
            Entry(
                "run.created",
                f"started by {trigger.by} ({trigger.kind})",
                data={"revision": definition.revision},
            )
        ]
        entries += [
            Entry("node.reused", f"{wiring.nodes[n].label}: outcome kept from the earlier run", n)
            for n in kept
        ]
        entries += [
            Entry("node.skipped", f"{wiring.nodes[n].label} skipped: no live wire leads to it", n)
            for n in step.skipped
        ]
        await connection.execute(
            insert(run).values(
                id=run_id,
                workspace_id=scope.workspace_id,
                orchestrator_id=definition.orchestrator_id,
                revision=definition.revision,
                state=RunState.PENDING,
                inputs=inputs,
                trigger_kind=trigger.kind,
                trigger_by=trigger.by,
                labels=dict(labels),
                retry_of=retry_of,
                parent_node_run_id=parent_node_run_id,
                depth=depth,
                sealed_seed=sealed,
                key_id=key_id,
                providers=_providers(wiring),
            )
        )
        ids = (
            await connection.execute(
                insert(node_run).returning(node_run.c.node_id, node_run.c.id),
                [
                    _node_row(run_id, now, spec, kept.get(spec.id), facts.get(spec.id))
                    for spec in wiring.nodes.values()
                ],
            )
        ).all()
        by_node: dict[str, UUID] = {node: id_ for node, id_ in ids}
        if waits and seed is not None:
            await connection.execute(
                insert(wait),
                [
                    {
                        "node_run_id": by_node[n],
                        "workspace_id": scope.workspace_id,
                        "run_id": run_id,
                        "token_sha256": tokens.digest(tokens.callback_token(seed, n)),
                        "schema": wiring.nodes[n].data.config.get("schema"),
                        "state": "cancelled" if n in step.skipped else "armed",
                    }
                    for n in waits
                ],
            )
        change = RunChange()
        if not step.ready and run_state(facts.values()) is RunState.COMPLETED:
            change = RunChange(RunState.COMPLETED)
            entries.append(Entry("run.completed", "completed: nothing was left to do"))
        await append(connection, run_id, entries, change)
        await enqueue(connection, [(run_id, by_node[n], "0") for n in step.ready])


async def _new_id(connection: AsyncConnection) -> tuple[UUID, datetime]:
    """A time-ordered id, and Postgres's clock."""
    row = (await connection.execute(text("SELECT uuidv7() AS id, clock_timestamp() AS now"))).one()
    return row.id, row.now


async def _current(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID) -> int:
    revision = await connection.scalar(
        select(orchestrator.c.revision).where(
            orchestrator.c.id == orchestrator_id,
            orchestrator.c.workspace_id == scope.workspace_id,
            orchestrator.c.deleted_at.is_(None),
        )
    )
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


def _providers(wiring: Wiring) -> list[str]:
    named = (spec.data.config.get("provider") for spec in wiring.nodes.values())
    return sorted({name for name in named if isinstance(name, str) and name})


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


def _node_row(
    run_id: UUID, now: datetime, spec: NodeSpec, kept: Any, facts: NodeFacts | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run_id": run_id,
        "node_id": spec.id,
        "type": spec.type,
        "label": spec.label,
        "limit_seconds": deadline_of(spec),
        "state": facts.state if facts else NodeState.PENDING,
        "work": "idle",
        "reused": False,
        "lease_until": None,
        "input": None,
        "output": None,
        "port": None,
        "remote": None,
        "finished_at": None,
    }
    if kept is not None:
        copied = ("input", "output", "port", "remote", "finished_at")
        row |= {"work": "ended", "reused": True} | {name: getattr(kept, name) for name in copied}
    elif facts and facts.state is NodeState.QUEUED:
        row |= {
            "work": "ready",
            "lease_until": now + timedelta(seconds=PICKUP_SECONDS),
        }
    elif facts and facts.state is NodeState.SKIPPED:
        row["work"] = "ended"
    return row


__all__ = ["MAX_DEPTH", "PICKUP_SECONDS", "Runs"]

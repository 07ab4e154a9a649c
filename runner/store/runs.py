"""Starting, cancelling and retrying runs. One method, one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select

from providers import JsonObject
from runner.database import Database, persistent
from runner.errors import Conflict, Contended, NotFound
from runner.model import NodeState, RunState, Scope, TriggerInfo
from runner.store.asking import NEW, Which, asked_for, chosen, first_asked, new_run
from runner.store.audit import record
from runner.store.batch import Batch
from runner.store.beginning import BEGIN, Beginning
from runner.store.bell import Bell
from runner.store.burying import reopen
from runner.store.claims import Claim
from runner.store.connection_uses import refuse_started
from runner.store.definitions import Definitions, runnable
from runner.store.ending import end_children, end_nodes
from runner.store.events import Entry, RunChange, append
from runner.store.repeating import Repeats
from runner.store.secret_uses import require
from runner.store.succession import Step
from runner.tables import node_run, run
from runner.vault import Vault

MAX_DEPTH = 20
"""How deep runs may start runs."""


@dataclass(frozen=True)
class Worker:
    """Who works in this process, as far as a start needs it. `lease` in seconds. `ahead_of`: the outcomes of a node and of those
    after it one by one, as far as they are pure and had at once. `place`: what takes a claim and works on it, and room for it
    while the block lasts; None where there is none."""

    lease: float
    ahead_of: Callable[[Claim], Awaitable[Sequence[Step]]]
    place: Callable[[], AbstractContextManager[Callable[[Claim], None] | None]]


class Runs:
    """Runs as their users move them: create, cancel, retry. `worker`: who works in this process, while it does."""

    def __init__(self, database: Database, vault: Vault, definitions: Definitions, bell: Bell) -> None:
        self._database = database
        self._vault = vault
        self._definitions = definitions
        self._bell = bell
        self._repeats = Repeats(vault, definitions)
        self.worker: Worker | None = None
        # One commit for starts of any workspace, so past row security: each statement names the workspace itself.
        self._news = Batch(database, NEW)
        self._begins = Batch(database, BEGIN)

    async def create(
        self,
        scope: Scope,
        orchestrator_id: UUID,
        inputs: JsonObject,
        *,
        labels: Mapping[str, str] | None = None,
        trigger: TriggerInfo,
        key: str | None = None,
        revision: Which | None = None,
    ) -> UUID:
        """A new run of the published revision, the newest where none is, or of `revision`; its first nodes handed to the workers.

        The same `key` within 24 h answers with the first run. Raises NotFound, GraphError (problems in the drawing),
        Conflict (the key was used for another request), NotYours (it calls with a connection that is not for the asker).
        """
        if key is None:
            new = await self._news(str(orchestrator_id), asked_for(scope, orchestrator_id))
            number = chosen(new["revision"], new["published_revision"], revision)
            definition = await self._definitions.load(self._database, orchestrator_id, number)
            runnable(definition, inputs)
            if definition.names_secrets or new["restricted"]:
                async with self._database.begin(scope) as connection:
                    await require(connection, scope, definition.wiring.graph)
                    await refuse_started(connection, scope, definition.wiring.graph)
            await self._begin(
                Beginning(self._vault, scope, definition, new["id"], inputs, labels or {}, trigger)
            )
            return new["id"]
        async with self._database.begin(scope) as connection:
            new = await new_run(connection, scope, orchestrator_id)
            run_id: UUID = new.id
            asked = [str(orchestrator_id), inputs, dict(labels or {}), revision]
            if (first := await first_asked(connection, scope, "run", key, asked, run_id)) != run_id:
                return first
            number = chosen(new.revision, new.published_revision, revision)
            definition = await self._definitions.get(connection, orchestrator_id, number)
            runnable(definition, inputs)
            if definition.names_secrets:
                await require(connection, scope, definition.wiring.graph)
            await refuse_started(connection, scope, definition.wiring.graph)
            await connection.execute(
                BEGIN.clause,
                Beginning(self._vault, scope, definition, run_id, inputs, labels or {}, trigger).values(),
            )
        self._bell.ring(run_id, work=True)
        return run_id

    async def _begin(self, begun: Beginning) -> None:
        """Store it, as far as the worker of this process brings it before."""
        worker = self.worker
        first = None if worker is None else begun.first()
        if worker is None or first is None:
            await self._stored(begun)
            return
        steps = await worker.ahead_of(first)
        with worker.place() as place:
            claim = begun.go(first, steps, follow=place is not None)
            storing = self._stored(begun, worker.lease, claim, place)
            # Who asked may be cut off in between; the claim must not be left to its lease then.
            await (storing if claim is None else asyncio.shield(storing))

    async def _stored(
        self,
        begun: Beginning,
        lease: float = 0.0,
        claim: Claim | None = None,
        place: Callable[[Claim], None] | None = None,
    ) -> None:
        row = await self._begins(str(begun.run_id), begun.values(lease))
        if claim is not None and place is not None:
            place(replace(claim, attempt_started_at=row["began"], started_at=row["began"]))
        self._bell.ring(begun.run_id, work=begun.waits_for_workers, live=not begun.ended)

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
        """The run a LocalFlow node waits for, of the published revision or, where none is, the newest; asked again for the same
        `parent` node run, the same child."""
        if depth >= MAX_DEPTH:
            raise Conflict(
                f"runs that start runs may nest {MAX_DEPTH} deep",
                code="nested-too-deep",
                hint="Does a flow call itself?",
            )
        async with self._database.begin(scope) as connection:
            # A cancel of the parent comes wholly before this, or finds the child.
            work = await connection.scalar(
                select(node_run.c.work).where(node_run.c.id == parent).with_for_update(key_share=True)
            )
            if work != "leased":
                raise Conflict("the run that asks for this flow has ended", code="run-ended")
            if (
                child := await connection.scalar(select(run.c.id).where(run.c.parent_node_run_id == parent))
            ) is not None:
                return child
            new = await new_run(connection, scope, flow_id)
            run_id: UUID = new.id
            number = chosen(new.revision, new.published_revision)
            definition = await self._definitions.get(connection, flow_id, number)
            runnable(definition, inputs)
            trigger = TriggerInfo(kind="flow", by=scope.subject)
            await connection.execute(
                BEGIN.clause,
                Beginning(
                    self._vault,
                    scope,
                    definition,
                    run_id,
                    inputs,
                    labels,
                    trigger,
                    parent_node_run_id=parent,
                    depth=depth + 1,
                ).values(),
            )
        self._bell.ring(run_id, work=True)
        return run_id

    async def cancel(self, scope: Scope, run_id: UUID) -> None:
        """End the run now: no further node starts, parked ones wake no more, late results are discarded. Idempotent.

        Raises NotFound. A run that has ended keeps its end.
        """
        if not await persistent(lambda: self._cancel(scope, run_id), 5.0, of=Contended):
            return
        self._bell.ring(run_id, work=True)
        for child in await end_children(self._database, run_id):
            self._bell.ring(child, work=True)

    async def _cancel(self, scope: Scope, run_id: UUID) -> bool:
        """False: it had ended."""
        async with self._database.begin(scope) as connection:
            found = (
                await connection.execute(
                    select(run.c.state, run.c.number)
                    .where(run.c.id == run_id, run.c.workspace_id == scope.workspace_id)
                    .with_for_update()
                )
            ).first()
            if found is None:
                raise NotFound("there is no such run")
            if RunState(found.state).final:
                return False
            await end_nodes(connection, run_id, live=NodeState.CANCELLED, pending=NodeState.CANCELLED)
            line = Entry("run.cancelled", f"cancelled by {scope.subject}", level="warning")
            await append(connection, run_id, [line], RunChange(RunState.CANCELLED))
            await reopen(connection, run_id)
            await record(connection, scope, "run.cancelled", "run", run_id, f"#{found.number}")
        return True

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
        recorded: bool = False,
    ) -> UUID:
        """A new run that repeats an ended one from "start", from the "failed" nodes, or from one node's id. `recorded`: it calls
        nobody, and takes what steps that reach outside did in that run.

        Nodes that are not repeated keep their outcome and are marked as reused; an open dead letter of the run is taken over,
        except by a recorded run, which does nothing about it.
        Raises NotFound, Conflict, GraphError.
        """
        async with self._database.begin(scope) as connection:
            new = await new_run(connection, scope, None)
            new_id: UUID = new.id
            if (
                key
                and (
                    first := await first_asked(
                        connection,
                        scope,
                        "retry",
                        key,
                        [str(run_id), start, latest, inputs, recorded],
                        new_id,
                    )
                )
                != new_id
            ):
                return first
            await self._repeats.begin(
                connection,
                scope,
                run_id,
                new_id,
                start=start,
                latest=latest,
                inputs=inputs,
                trigger=trigger,
                recorded=recorded,
            )
        self._bell.ring(run_id)
        self._bell.ring(new_id, work=True)
        return new_id

"""Orchestrators and their revisions: every save is kept whole, and never changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import JsonObject
from runner.database import Database
from runner.errors import NotFound, Stale
from runner.model import Graph, RunState, Scope
from runner.tables import orchestrator, orchestrator_revision, run
from runner.wire import LastRun, Orchestrator, Revision, RevisionItem

BIN_DAYS = 30
"""For so long a deleted one can be restored."""
_NOW = func.clock_timestamp()


class Orchestrators:
    """Every method finds rows of the asker's workspace only, and raises NotFound for any other and for a deleted one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, scope: Scope, name: str, description: str, graph: Graph) -> Orchestrator:
        """Revision 1."""
        async with self._database.begin() as connection:
            made: UUID = (
                await connection.execute(
                    insert(orchestrator)
                    .values(
                        workspace_id=scope.workspace_id,
                        name=name,
                        description=description,
                        revision=1,
                        created_by=scope.subject,
                    )
                    .returning(orchestrator.c.id)
                )
            ).scalar_one()
            await _keep(connection, scope, made, 1, graph.to_json())
            return await _get(connection, scope, made)

    async def get(self, scope: Scope, orchestrator_id: UUID) -> Orchestrator:
        async with self._database.begin() as connection:
            return await _get(connection, scope, orchestrator_id)

    async def page(
        self, scope: Scope, *, limit: int, q: str = "", before: UUID | None = None, deleted: bool = False
    ) -> tuple[Orchestrator, ...]:
        """Newest first, those older than `before`; `q` in the name. One query, last runs included. With `deleted`, those in the
        bin instead."""
        query = (
            _query(scope, _binned(scope) if deleted else _mine(scope))
            .order_by(orchestrator.c.id.desc())
            .limit(limit)
        )
        if q:
            query = query.where(orchestrator.c.name.icontains(q, autoescape=True))
        if before is not None:
            query = query.where(orchestrator.c.id < before)
        async with self._database.begin() as connection:
            return tuple(_wire(row) for row in await connection.execute(query))

    async def save(
        self,
        scope: Scope,
        orchestrator_id: UUID,
        *,
        name: str | None = None,
        description: str | None = None,
        graph: Graph | None = None,
        expected: int | None = None,
    ) -> Orchestrator:
        """A new revision with what is given changed. Raises Stale when `expected` is not the current revision."""
        async with self._database.begin() as connection:
            revision = await connection.scalar(
                select(orchestrator.c.revision)
                .where(*_mine(scope), orchestrator.c.id == orchestrator_id)
                .with_for_update()
            )
            if revision is None:
                raise _missing()
            if expected is not None and expected != revision:
                raise Stale(f"Revision {expected} is not the newest: that is {revision}.", revision=revision)
            kept: Any = graph and graph.to_json()
            if kept is None:
                kept = await connection.scalar(_definition(orchestrator_id, revision))
            await _keep(connection, scope, orchestrator_id, revision + 1, kept)
            changes: dict[str, Any] = {"revision": revision + 1, "updated_at": _NOW}
            if name is not None:
                changes["name"] = name
            if description is not None:
                changes["description"] = description
            await connection.execute(
                update(orchestrator).where(orchestrator.c.id == orchestrator_id).values(**changes)
            )
            return await _get(connection, scope, orchestrator_id)

    async def delete(self, scope: Scope, orchestrator_id: UUID) -> None:
        """Out of sight and not to be run again. Its past runs and revisions stay readable; runs under way go on."""
        async with self._database.begin() as connection:
            done = await connection.execute(
                update(orchestrator)
                .where(*_mine(scope), orchestrator.c.id == orchestrator_id)
                .values(deleted_at=_NOW)
            )
            if not done.rowcount:
                raise _missing()

    async def restore(self, scope: Scope, orchestrator_id: UUID) -> Orchestrator:
        """Out of the bin, as it was. One that is not deleted stays as it is. Raises NotFound after 30 days."""
        async with self._database.begin() as connection:
            await connection.execute(
                update(orchestrator)
                .where(*_binned(scope), orchestrator.c.id == orchestrator_id)
                .values(deleted_at=None)
            )
            return await _get(connection, scope, orchestrator_id)

    async def known(self, scope: Scope, orchestrator_id: UUID) -> None:
        """Raises NotFound unless it is, or was, in this workspace: a deleted one still has runs to look at."""
        async with self._database.begin() as connection:
            await _known(connection, scope, orchestrator_id)

    async def revisions(
        self, scope: Scope, orchestrator_id: UUID, *, limit: int, before: int | None = None
    ) -> tuple[RevisionItem, ...]:
        """Newest first. Those of a deleted orchestrator too."""
        table = orchestrator_revision
        query = select(table.c.revision, table.c.created_by, table.c.created_at.label("created_date"))
        query = query.where(table.c.orchestrator_id == orchestrator_id).order_by(table.c.revision.desc())
        if before is not None:
            query = query.where(table.c.revision < before)
        async with self._database.begin() as connection:
            await _known(connection, scope, orchestrator_id)
            rows = (await connection.execute(query.limit(limit))).mappings().all()
            used = (
                select(run.c.revision, func.count())
                .where(
                    run.c.orchestrator_id == orchestrator_id,
                    run.c.revision.in_([row["revision"] for row in rows]),
                )
                .group_by(run.c.revision)
            )
            runs: dict[int, int] = {number: count for number, count in await connection.execute(used)}
        return tuple(
            RevisionItem.model_validate({**row, "runs": runs.get(row["revision"], 0)}) for row in rows
        )

    async def revision(
        self, scope: Scope, orchestrator_id: UUID, revision: int
    ) -> tuple[Revision, JsonObject]:
        """One save and its definition. Raises NotFound for a number that was never saved."""
        table = orchestrator_revision
        async with self._database.begin() as connection:
            await _known(connection, scope, orchestrator_id)
            row = (
                await connection.execute(
                    select(table).where(
                        table.c.orchestrator_id == orchestrator_id, table.c.revision == revision
                    )
                )
            ).first()
            if row is None:
                raise NotFound(f"There is no revision {revision} of this orchestrator.")
            return (
                Revision(revision=revision, created_by=row.created_by, created_date=row.created_at),
                row.definition,
            )


def _mine(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return orchestrator.c.workspace_id == scope.workspace_id, orchestrator.c.deleted_at.is_(None)


def _binned(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return (
        orchestrator.c.workspace_id == scope.workspace_id,
        orchestrator.c.deleted_at > _NOW - timedelta(days=BIN_DAYS),
    )


def _missing() -> NotFound:
    return NotFound("There is no such orchestrator.")


async def _known(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID) -> None:
    found = await connection.scalar(
        select(true()).where(
            orchestrator.c.id == orchestrator_id, orchestrator.c.workspace_id == scope.workspace_id
        )
    )
    if not found:
        raise _missing()


def _definition(orchestrator_id: UUID, revision: int) -> Select[Any]:
    return select(orchestrator_revision.c.definition).where(
        orchestrator_revision.c.orchestrator_id == orchestrator_id,
        orchestrator_revision.c.revision == revision,
    )


async def _keep(
    connection: AsyncConnection, scope: Scope, orchestrator_id: UUID, revision: int, definition: JsonObject
) -> None:
    await connection.execute(
        insert(orchestrator_revision).values(
            orchestrator_id=orchestrator_id,
            revision=revision,
            definition=definition,
            created_by=scope.subject,
        )
    )


async def _get(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID) -> Orchestrator:
    row = (await connection.execute(_query(scope).where(orchestrator.c.id == orchestrator_id))).first()
    if row is None:
        raise _missing()
    return _wire(row)


def _query(scope: Scope, where: Sequence[ColumnElement[bool]] | None = None) -> Select[Any]:
    """Orchestrators with their definition and their newest run."""
    last = (
        select(run.c.id, run.c.state, run.c.started_at, run.c.finished_at)
        .where(run.c.orchestrator_id == orchestrator.c.id)
        .order_by(run.c.id.desc())
        .limit(1)
        .lateral("last")
    )
    source = orchestrator.join(
        orchestrator_revision,
        (orchestrator_revision.c.orchestrator_id == orchestrator.c.id)
        & (orchestrator_revision.c.revision == orchestrator.c.revision),
    ).outerjoin(last, true())
    return (
        select(
            orchestrator,
            orchestrator_revision.c.definition,
            last.c.id.label("run_id"),
            last.c.state.label("run_state"),
            last.c.started_at.label("run_started_at"),
            last.c.finished_at.label("run_finished_at"),
        )
        .select_from(source)
        .where(*(_mine(scope) if where is None else where))
    )


def _wire(row: Any) -> Orchestrator:
    last = row.run_id and LastRun(
        id=row.run_id,
        status=RunState(row.run_state),
        started_at=row.run_started_at,
        finished_at=row.run_finished_at,
    )
    return Orchestrator(
        id=row.id,
        name=row.name,
        description=row.description,
        definition=row.definition,
        revision=row.revision,
        workspace_id=row.workspace_id,
        created_date=row.created_at,
        updated_date=row.updated_at,
        created_by=row.created_by,
        last_run=last or None,
        deleted_date=row.deleted_at,
    )

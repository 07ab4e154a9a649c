"""Orchestrators and their revisions: every save is kept whole, and never changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, insert, select, true, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import JsonObject
from runner.database import Database
from runner.errors import NotFound, Stale
from runner.model import Graph, Problem, RunState, Scope
from runner.store.audit import record
from runner.store.connection_uses import drawn, refuse_drawn
from runner.tables import orchestrator, orchestrator_revision, publication, run
from runner.wire import LastRun, Orchestrator, Publication, Revision, RevisionItem

BIN_DAYS = 30
"""For so long a deleted one can be restored."""
_NOW = func.clock_timestamp()


class Orchestrators:
    """Every method finds rows of the asker's workspace only, and raises NotFound for any other and for a deleted one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, scope: Scope, name: str, description: str, graph: Graph) -> Orchestrator:
        """Revision 1. Raises NotYours for a connection that the asker may not put into a drawing."""
        async with self._database.begin(scope) as connection:
            await refuse_drawn(connection, scope, graph)
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
            await record(connection, scope, "orchestrator.created", "orchestrator", made, name)
            return await get_within(connection, scope, made)

    async def get(self, scope: Scope, orchestrator_id: UUID) -> Orchestrator:
        async with self._database.begin(scope) as connection:
            return await get_within(connection, scope, orchestrator_id)

    async def page(
        self, scope: Scope, *, limit: int, q: str = "", before: UUID | None = None, deleted: bool = False
    ) -> tuple[Orchestrator, ...]:
        """Newest first, those older than `before`; `q` in the name. One query, last runs included. With `deleted`, those in the
        bin instead."""
        query = (
            _query(scope, _binned(scope) if deleted else mine(scope))
            .order_by(orchestrator.c.id.desc())
            .limit(limit)
        )
        if q:
            query = query.where(orchestrator.c.name.icontains(q, autoescape=True))
        if before is not None:
            query = query.where(orchestrator.c.id < before)
        async with self._database.begin(scope) as connection:
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
        """A new revision with what is given changed. Raises Stale when `expected` is not the current revision, and NotYours for a
        connection that the asker may not put into a drawing."""
        async with self._database.begin(scope) as connection:
            revision = await connection.scalar(
                select(orchestrator.c.revision)
                .where(*mine(scope), orchestrator.c.id == orchestrator_id)
                .with_for_update()
            )
            if revision is None:
                raise missing()
            if expected is not None and expected != revision:
                raise Stale(f"Revision {expected} is not the newest: that is {revision}.", revision=revision)
            if graph is not None:
                await refuse_drawn(connection, scope, graph)
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
            found = await get_within(connection, scope, orchestrator_id)
            given = {"name": name, "description": description, "definition": graph}
            fields = [field for field, value in given.items() if value is not None]
            kind, word = "orchestrator", "orchestrator.saved"
            await record(connection, scope, word, kind, orchestrator_id, found.name, fields=fields)
            return found

    async def refused(self, scope: Scope, graph: Graph) -> tuple[Problem, ...]:
        """The nodes with connections that the asker may not put there."""
        async with self._database.begin(scope) as connection:
            return await drawn(connection, scope, graph)

    async def delete(self, scope: Scope, orchestrator_id: UUID) -> None:
        """Out of sight and not to be run again. Its past runs and revisions stay readable; runs under way go on."""
        async with self._database.begin(scope) as connection:
            name = await connection.scalar(
                update(orchestrator)
                .where(*mine(scope), orchestrator.c.id == orchestrator_id)
                .values(deleted_at=_NOW)
                .returning(orchestrator.c.name)
            )
            if name is None:
                raise missing()
            await record(connection, scope, "orchestrator.deleted", "orchestrator", orchestrator_id, name)

    async def restore(self, scope: Scope, orchestrator_id: UUID) -> Orchestrator:
        """Out of the bin, as it was. One that is not deleted stays as it is. Raises NotFound after 30 days."""
        async with self._database.begin(scope) as connection:
            name = await connection.scalar(
                update(orchestrator)
                .where(*_binned(scope), orchestrator.c.id == orchestrator_id)
                .values(deleted_at=None)
                .returning(orchestrator.c.name)
            )
            if name is not None:
                await record(
                    connection, scope, "orchestrator.restored", "orchestrator", orchestrator_id, name
                )
            return await get_within(connection, scope, orchestrator_id)

    async def known(self, scope: Scope, orchestrator_id: UUID) -> None:
        """Raises NotFound unless it is, or was, in this workspace: a deleted one still has runs to look at."""
        async with self._database.begin(scope) as connection:
            await known_within(connection, scope, orchestrator_id)

    async def revisions(
        self, scope: Scope, orchestrator_id: UUID, *, limit: int, before: int | None = None
    ) -> tuple[RevisionItem, ...]:
        """Newest first. Those of a deleted orchestrator too."""
        table = orchestrator_revision
        query = select(table.c.revision, table.c.created_by, table.c.created_at.label("created_date"))
        query = query.where(table.c.orchestrator_id == orchestrator_id).order_by(table.c.revision.desc())
        if before is not None:
            query = query.where(table.c.revision < before)
        async with self._database.begin(scope) as connection:
            await known_within(connection, scope, orchestrator_id)
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
            last = (
                select(publication)
                .ext(distinct_on(publication.c.revision))
                .where(
                    publication.c.orchestrator_id == orchestrator_id,
                    publication.c.revision.in_([row["revision"] for row in rows]),
                )
                .order_by(publication.c.revision, publication.c.id.desc())
            )
            published = {row.revision: publication_of(row) for row in await connection.execute(last)}
        return tuple(
            RevisionItem(**row, runs=runs.get(row["revision"], 0), publication=published.get(row["revision"]))
            for row in rows
        )

    async def revision(
        self, scope: Scope, orchestrator_id: UUID, revision: int
    ) -> tuple[Revision, JsonObject]:
        """One save and its definition. Raises NotFound for a number that was never saved."""
        table = orchestrator_revision
        async with self._database.begin(scope) as connection:
            await known_within(connection, scope, orchestrator_id)
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


def mine(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return orchestrator.c.workspace_id == scope.workspace_id, orchestrator.c.deleted_at.is_(None)


def _binned(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return (
        orchestrator.c.workspace_id == scope.workspace_id,
        orchestrator.c.deleted_at > _NOW - timedelta(days=BIN_DAYS),
    )


def missing() -> NotFound:
    return NotFound("There is no such orchestrator.")


async def known_within(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID) -> None:
    found = await connection.scalar(
        select(true()).where(
            orchestrator.c.id == orchestrator_id, orchestrator.c.workspace_id == scope.workspace_id
        )
    )
    if not found:
        raise missing()


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


async def get_within(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID) -> Orchestrator:
    """`Orchestrators.get` within a transaction."""
    row = (await connection.execute(_query(scope).where(orchestrator.c.id == orchestrator_id))).first()
    if row is None:
        raise missing()
    return _wire(row)


def _query(scope: Scope, where: Sequence[ColumnElement[bool]] | None = None) -> Select[Any]:
    """Orchestrators with their definition, their newest run and their newest publication."""
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
    told = (
        select(publication.c.at, publication.c.by)
        .where(publication.c.orchestrator_id == orchestrator.c.id)
        .order_by(publication.c.id.desc())
        .limit(1)
        .lateral("told")
    )
    return (
        select(
            orchestrator,
            orchestrator_revision.c.definition,
            last.c.id.label("run_id"),
            last.c.state.label("run_state"),
            last.c.started_at.label("run_started_at"),
            last.c.finished_at.label("run_finished_at"),
            told.c.at.label("published_at"),
            told.c.by.label("published_by"),
        )
        .select_from(source.outerjoin(told, orchestrator.c.published_revision.is_not(None)))
        .where(*(mine(scope) if where is None else where))
    )


def publication_of(row: Any) -> Publication:
    return Publication(
        id=row.id, revision=row.revision, message=row.message, published_by=row.by, published_date=row.at
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
        published_revision=row.published_revision,
        published_date=row.published_at,
        published_by=row.published_by,
        workspace_id=row.workspace_id,
        created_date=row.created_at,
        updated_date=row.updated_at,
        created_by=row.created_by,
        last_run=last or None,
        deleted_date=row.deleted_at,
    )

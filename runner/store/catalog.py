"""A copy of what each platform offers, so that a list opens at once and says how old it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, and_, cast, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import LeftOut, Preview, RemoteWorkflow
from runner.database import Database
from runner.errors import NotFound
from runner.model import Scope
from runner.store.usages import usage
from runner.tables import connection, remote_preview, remote_workflow

_LOWER = func.lower(remote_workflow.c.name)


class Catalog:
    """Copies belong to a connection and go with it. Every method raises NotFound for a connection of another workspace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(
        self,
        scope: Scope,
        connection_id: UUID,
        workflows: Sequence[RemoteWorkflow],
        left_out: Sequence[LeftOut] = (),
    ) -> datetime:
        """The whole list anew, as of now, with what it leaves out: readers see the old one or the new one. Returns the time it
        was taken."""
        rows = [
            {
                "connection_id": connection_id,
                "remote_id": each.id,
                "name": each.name,
                "active": each.active,
                "data": each.model_dump(mode="json"),
            }
            for each in {each.id: each for each in workflows}.values()
        ]
        async with self._database.begin(scope) as transaction:
            await _owned(transaction, scope, connection_id, lock=True)
            await transaction.execute(
                delete(remote_workflow).where(remote_workflow.c.connection_id == connection_id)
            )
            if rows:
                await transaction.execute(insert(remote_workflow), rows)
            synced = await transaction.execute(
                update(connection)
                .where(connection.c.id == connection_id)
                .values(
                    last_sync_at=func.clock_timestamp(),
                    workflow_count=len(rows),
                    left_out=[each.model_dump(mode="json") for each in left_out],
                )
                .returning(connection.c.last_sync_at)
            )
            return synced.scalar_one()

    async def page(
        self,
        scope: Scope,
        connection_id: UUID,
        *,
        q: str = "",
        active: bool | None = None,
        limit: int = 50,
        after: tuple[str, str] | None = None,
    ) -> tuple[RemoteWorkflow, ...]:
        """By name, those behind `after` (a name and id). `q` is part of the name or the whole id."""
        wanted: list[ColumnElement[bool]] = [remote_workflow.c.connection_id == connection_id]
        if q:
            named = remote_workflow.c.name.icontains(q, autoescape=True)
            wanted.append(or_(named, remote_workflow.c.remote_id == q))
        if active is not None:
            wanted.append(remote_workflow.c.active == active)
        if after is not None:
            wanted.append(
                tuple_(_LOWER, remote_workflow.c.remote_id) > tuple_(func.lower(after[0]), after[1])
            )
        query = (
            select(remote_workflow.c.data)
            .where(*wanted)
            .order_by(_LOWER, remote_workflow.c.remote_id)
            .limit(limit)
        )
        async with self._database.begin(scope) as transaction:
            await _owned(transaction, scope, connection_id)
            found = (await transaction.execute(query)).scalars()
            return tuple(RemoteWorkflow.model_validate(data) for data in found)

    async def preview(self, scope: Scope, connection_id: UUID, remote_id: str) -> Preview | None:
        """The copy; its `fetched_at` tells its age."""
        query = select(remote_preview.c.data).where(
            remote_preview.c.connection_id == connection_id, remote_preview.c.remote_id == remote_id
        )
        async with self._database.begin(scope) as transaction:
            await _owned(transaction, scope, connection_id)
            data = (await transaction.execute(query)).scalar_one_or_none()
        return None if data is None else Preview.model_validate(data)

    async def previews(
        self, scope: Scope, wanted: Iterable[tuple[UUID, str]]
    ) -> dict[tuple[UUID, str], Preview]:
        """The copies that there are of these (connection, workflow), in one statement; those of other workspaces are left out."""
        keys = list(wanted)
        if not keys:
            return {}
        place = (remote_preview.c.connection_id, remote_preview.c.remote_id)
        query = (
            select(*place, remote_preview.c.data)
            .join(connection, connection.c.id == remote_preview.c.connection_id)
            .where(connection.c.workspace_id == scope.workspace_id, tuple_(*place).in_(keys))
        )
        async with self._database.begin(scope) as transaction:
            found = (await transaction.execute(query)).all()
        return {(row.connection_id, row.remote_id): Preview.model_validate(row.data) for row in found}

    async def keep_preview(self, scope: Scope, connection_id: UUID, remote_id: str, preview: Preview) -> None:
        values: dict[str, Any] = {
            "data": preview.model_dump(mode="json"),
            "fetched_at": preview.fetched_at,
        }
        async with self._database.begin(scope) as transaction:
            await _owned(transaction, scope, connection_id)
            await transaction.execute(
                upsert(remote_preview)
                .values(connection_id=connection_id, remote_id=remote_id, **values)
                .on_conflict_do_update(index_elements=["connection_id", "remote_id"], set_=values)
            )

    async def outdated(
        self, scope: Scope, connection_id: UUID, *, before: datetime, limit: int
    ) -> tuple[str, ...]:
        """Imported workflows whose copy may not say any more what they are, the oldest first: the list knows a later change; or
        it tells no times, and the copy was read before `before`; or there is none."""
        used = usage(scope).subquery("used")
        copy, listed = remote_preview, remote_workflow
        edited = cast(listed.c.data["updated_at"].astext, DateTime(timezone=True))
        query = (
            select(listed.c.remote_id)
            .join(
                copy,
                (copy.c.connection_id == listed.c.connection_id) & (copy.c.remote_id == listed.c.remote_id),
                isouter=True,
            )
            .where(
                listed.c.connection_id == connection_id,
                listed.c.remote_id.in_(
                    select(used.c.workflow_id).where(
                        used.c.connection_id == connection_id, used.c.fingerprint.is_not(None)
                    )
                ),
                or_(
                    copy.c.fetched_at.is_(None),
                    edited > copy.c.fetched_at,
                    and_(edited.is_(None), copy.c.fetched_at < before),
                ),
            )
            .order_by(copy.c.fetched_at.nulls_first())
            .limit(limit)
        )
        async with self._database.begin(scope) as transaction:
            await _owned(transaction, scope, connection_id)
            return tuple((await transaction.execute(query)).scalars())

    async def drop_preview(self, scope: Scope, connection_id: UUID, remote_id: str) -> None:
        """The platform does not know the workflow any more."""
        async with self._database.begin(scope) as transaction:
            await _owned(transaction, scope, connection_id)
            await transaction.execute(
                delete(remote_preview).where(
                    remote_preview.c.connection_id == connection_id, remote_preview.c.remote_id == remote_id
                )
            )


async def _owned(
    transaction: AsyncConnection, scope: Scope, connection_id: UUID, *, lock: bool = False
) -> None:
    query = select(connection.c.id).where(
        connection.c.id == connection_id, connection.c.workspace_id == scope.workspace_id
    )
    if (await transaction.scalar(query.with_for_update() if lock else query)) is None:
        raise NotFound(f"there is no connection {connection_id}")

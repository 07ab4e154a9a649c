"""Incidents: outages of connections, and bursts of refused callbacks; each raised once and resolved once. The breaker and the
refusals write them; nothing here does."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import and_, func, or_, select

from runner.database import Database
from runner.model import NodeState, Scope
from runner.tables import incident, node_run
from runner.wire import Incident

_HELD = (
    select(func.count())
    .where(
        node_run.c.held_for == incident.c.connection_id,
        node_run.c.work == "parked",
        node_run.c.state == NodeState.HELD,
        incident.c.resolved_at.is_(None),
    )
    .scalar_subquery()
)


class Incidents:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, scope: Scope, *, unsolved: bool = False, limit: int = 50, after: tuple[bool, UUID] | None = None
    ) -> tuple[Incident, ...]:
        """Open ones first, then newest first; those after `after`: whether it was open, and its id."""
        is_open = incident.c.resolved_at.is_(None)
        query = (
            select(incident, _HELD.label("held"))
            .where(incident.c.workspace_id == scope.workspace_id)
            .order_by(is_open.desc(), incident.c.id.desc())
            .limit(limit)
        )
        if unsolved:
            query = query.where(is_open)
        if after is not None:
            was_open, last = after
            older = and_(is_open == was_open, incident.c.id < last)
            query = query.where(or_(older, ~is_open) if was_open else older)
        async with self._database.begin(scope) as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            Incident(
                id=row.id,
                kind=row.kind,
                connection_id=row.connection_id,
                provider=row.provider,
                name=row.name,
                cause=row.cause,
                held=row.held,
                opened_date=row.opened_at,
                resolved_date=row.resolved_at,
                resolved_by=row.resolved_by,
            )
            for row in rows
        )

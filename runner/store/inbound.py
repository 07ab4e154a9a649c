"""Reading what callbacks were received and what they were told. Nothing here writes."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from sqlalchemy import select

from providers import Frozen, Timestamp
from runner.database import Database
from runner.model import Scope
from runner.tables import callback_audit, node_run, orchestrator, run, wait

Told = Literal["accepted", "duplicate", "gone", "invalid"]
"""The verdicts that are kept; an unknown token names no wait, so there is nothing to keep it with."""


class Received(Frozen):
    """One callback. `id` counts up over all of them; `nodeId` waited for it, `verdict` is what the sender was told."""

    id: int
    run_id: UUID
    run_number: int
    node_id: str
    node_label: str
    orchestrator_name: str
    verdict: Told
    received_at: Timestamp


class Inbound:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, scope: Scope, *, verdict: Told | None = None, limit: int, before: int | None = None
    ) -> tuple[Received, ...]:
        """Of the asker's workspace, newest first, those with a smaller number than `before`."""
        query = (
            select(
                callback_audit.c.id,
                callback_audit.c.verdict,
                callback_audit.c.received_at,
                wait.c.run_id,
                run.c.number,
                node_run.c.node_id,
                node_run.c.label,
                orchestrator.c.name,
            )
            .join(wait, wait.c.node_run_id == callback_audit.c.node_run_id)
            .join(node_run, node_run.c.id == wait.c.node_run_id)
            .join(run, run.c.id == wait.c.run_id)
            .join(orchestrator, orchestrator.c.id == run.c.orchestrator_id)
            .where(wait.c.workspace_id == scope.workspace_id, run.c.workspace_id == scope.workspace_id)
            .order_by(callback_audit.c.id.desc())
            .limit(limit)
        )
        if verdict is not None:
            query = query.where(callback_audit.c.verdict == verdict)
        if before is not None:
            query = query.where(callback_audit.c.id < before)
        async with self._database.begin() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            Received(
                id=row.id,
                run_id=row.run_id,
                run_number=row.number,
                node_id=row.node_id,
                node_label=row.label,
                orchestrator_name=row.name,
                verdict=row.verdict,
                received_at=row.received_at,
            )
            for row in rows
        )

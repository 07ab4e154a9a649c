"""What time brings: timers that fire, work that got stuck, remote executions to stop. All on Postgres's clock.

Level-triggered: each sweep looks at rows, so running it late, twice, or on every worker at once does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.model import RemoteLink, RunState
from runner.store.bell import Bell
from runner.store.ending import end_children
from runner.store.waits import Waits
from runner.tables import node_run, run


@dataclass(frozen=True)
class Stopping:
    """An ended node whose remote execution should be stopped too."""

    run_id: UUID
    workspace_id: UUID
    node_id: str
    link: RemoteLink
    memo: JsonValue


class Due:
    def __init__(self, database: Database, bell: Bell, waits: Waits) -> None:
        self._database = database
        self._bell = bell
        self._waits = waits

    async def fire(self, limit: int = 500) -> int:
        """Make every node whose timer is due ready; expire due callback waits. Returns how many there were."""
        async with self._database.begin() as connection:
            rows, timers = await self.take_due(connection, limit)
        if timers:
            self._bell.ring(work=True)
        for row in rows:
            if row.kind == "callback":
                await self._waits.expire(row.run_id, row.id)
        return len(rows)

    async def take_due(self, connection: AsyncConnection, limit: int) -> tuple[Sequence[Any], Sequence[Any]]:
        """Every due row, and those of them that are ready now."""
        rows = (
            await connection.execute(
                select(
                    node_run.c.id,
                    node_run.c.run_id,
                    node_run.c.epoch,
                    node_run.c.waiting["kind"].astext.label("kind"),
                )
                .where(node_run.c.due_at <= func.statement_timestamp(), node_run.c.work == "parked")
                .order_by(node_run.c.due_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
        ).all()
        timers = [r for r in rows if r.kind != "callback"]
        if timers:
            await connection.execute(
                text(
                    """
                    UPDATE node_run SET work = 'ready', due_at = NULL,
                        lease_until = clock_timestamp(),
                        signal = CASE WHEN signal IS NULL AND (waiting->>'until')::timestamptz <= clock_timestamp()
                            THEN '{"kind": "timeout", "body": null}'::jsonb ELSE signal END
                    WHERE id = ANY(:ids)
                    """
                ),
                {"ids": [r.id for r in timers]},
            )
        return rows, timers

    async def next_due(self) -> float | None:
        """Seconds until the next timer, at least 0; None when there is none."""
        async with self._database.begin() as connection:
            seconds = await connection.scalar(
                select(func.extract("epoch", func.min(node_run.c.due_at) - func.clock_timestamp())).where(
                    node_run.c.work.in_(("parked", "stopping"))
                )
            )
        return None if seconds is None else max(0.0, float(seconds))

    async def orphans(self, limit: int = 50) -> int:
        """Cancel runs whose starting node has ended without them: their parent was cut off while it cancelled them."""
        async with self._database.begin() as connection:
            parents = (
                await connection.scalars(
                    select(node_run.c.run_id)
                    .distinct()
                    .join(run, run.c.parent_node_run_id == node_run.c.id)
                    .where(
                        run.c.state.in_((RunState.PENDING, RunState.RUNNING, RunState.WAITING)),
                        node_run.c.state.in_(("CANCELLED", "FAILED", "TIMED_OUT", "SKIPPED")),
                    )
                    .limit(limit)
                )
            ).all()
        count = 0
        for parent in parents:
            ended = await end_children(self._database, parent)
            self._bell.ring(*ended)
            count += len(ended)
        return count

    async def stopping(self, limit: int = 50) -> list[Stopping]:
        """Take the remote executions that should be stopped; each is handed out once. One whose platform is out of order stays
        until that is over."""
        async with self._database.begin() as connection:
            rows: Any = (
                await connection.execute(
                    text(
                        """
                        WITH due AS (
                            SELECT n.id, b.state IS NOT NULL AS out, b.probe_at FROM node_run n LEFT JOIN breaker b
                                ON b.connection_id = CAST(n.remote ->> 'connectionId' AS uuid) AND b.state <> 'closed'
                            WHERE n.work = 'stopping' AND n.due_at <= statement_timestamp()
                            LIMIT :limit FOR UPDATE OF n SKIP LOCKED
                        )
                        UPDATE node_run n SET work = CASE WHEN due.out THEN 'stopping' ELSE 'ended' END,
                            due_at = CASE WHEN due.out
                                THEN greatest(due.probe_at, clock_timestamp() + interval '1 second') END
                        FROM due, run r WHERE n.id = due.id AND r.id = n.run_id
                        RETURNING n.run_id, r.workspace_id, n.node_id, n.remote, n.memo, n.work
                        """
                    ).columns(remote=JSONB, memo=JSONB),
                    {"limit": limit},
                )
            ).all()
        return [
            Stopping(r.run_id, r.workspace_id, r.node_id, RemoteLink.model_validate(r.remote), r.memo)
            for r in rows
            if r.work == "ended"
        ]


__all__ = ["Due", "Stopping"]

"""What time brings: timers that fire, work that got stuck, remote executions to stop. All on Postgres's clock.

Level-triggered: each sweep looks at rows, so running it late, twice, or on every worker at once does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import JSONB

from runner.database import Database
from runner.model import RemoteLink, RunState
from runner.store.bell import Bell
from runner.store.ending import end_children
from runner.store.jobs import enqueue
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
        """Hand every due timer to the workers; expire due callback waits. Returns how many there were."""
        async with self._database.begin() as connection:
            rows = (
                await connection.execute(
                    select(
                        node_run.c.id,
                        node_run.c.run_id,
                        node_run.c.epoch,
                        node_run.c.waiting["kind"].astext.label("kind"),
                    )
                    .where(node_run.c.due_at <= func.clock_timestamp(), node_run.c.work == "parked")
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
                            lease_until = clock_timestamp() + interval '10 seconds',
                            signal = CASE WHEN signal IS NULL AND (waiting->>'until')::timestamptz <= clock_timestamp()
                                THEN '{"kind": "timeout", "body": null}'::jsonb ELSE signal END
                        WHERE id = ANY(:ids)
                        """
                    ),
                    {"ids": [r.id for r in timers]},
                )
                await enqueue(connection, [(r.run_id, r.id, str(r.epoch)) for r in timers])
        if timers:
            self._bell.ring(work=True)
        for row in rows:
            if row.kind == "callback":
                await self._waits.expire(row.run_id, row.id)
        return len(rows)

    async def ready(self, limit: int = 500) -> list[tuple[UUID, UUID]]:
        """(run id, node run id) of what is ready now: the truth that jobs only hint at."""
        async with self._database.begin() as connection:
            rows = await connection.execute(
                select(node_run.c.run_id, node_run.c.id).where(node_run.c.work == "ready").limit(limit)
            )
            return [(r.run_id, r.id) for r in rows]

    async def next_due(self) -> float | None:
        """Seconds until the next timer, at least 0; None when there is none."""
        async with self._database.begin() as connection:
            seconds = await connection.scalar(
                select(func.extract("epoch", func.min(node_run.c.due_at) - func.clock_timestamp())).where(
                    node_run.c.work.in_(("parked", "stopping"))
                )
            )
        return None if seconds is None else max(0.0, float(seconds))

    async def repair(self, limit: int = 200) -> int:
        """Offer again what no worker picked up, and what a dead worker held. Returns how many there were.

        At most once in two seconds each: a job that a dead worker had fetched and not begun must not stand in the way until
        the dispatcher notices that death."""
        async with self._database.begin() as connection:
            rows = (
                await connection.execute(
                    text(
                        """
                        WITH stuck AS (
                            SELECT id FROM node_run
                            WHERE work IN ('ready', 'leased') AND lease_until < clock_timestamp()
                            ORDER BY lease_until LIMIT :limit FOR UPDATE SKIP LOCKED
                        )
                        UPDATE node_run n SET lease_until = CASE WHEN n.work = 'ready'
                            THEN clock_timestamp() + interval '10 seconds' ELSE n.lease_until END
                        FROM stuck WHERE n.id = stuck.id
                        RETURNING n.id, n.run_id, n.epoch, n.work,
                            floor(extract(epoch FROM clock_timestamp()) / 2)::bigint AS slot
                        """
                    ),
                    {"limit": limit},
                )
            ).all()
            await enqueue(connection, [(r.run_id, r.id, f"{r.epoch}:{r.work}:{r.slot}") for r in rows])
        if rows:
            self._bell.ring(work=True)
        return len(rows)

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
        """Take the remote executions that should be stopped; each is handed out once."""
        async with self._database.begin() as connection:
            rows: Any = (
                await connection.execute(
                    text(
                        """
                        WITH due AS (
                            SELECT id FROM node_run WHERE work = 'stopping' AND due_at <= clock_timestamp()
                            LIMIT :limit FOR UPDATE SKIP LOCKED
                        )
                        UPDATE node_run n SET work = 'ended', due_at = NULL
                        FROM due, run r WHERE n.id = due.id AND r.id = n.run_id
                        RETURNING n.run_id, r.workspace_id, n.node_id, n.remote, n.memo
                        """
                    ).columns(remote=JSONB, memo=JSONB),
                    {"limit": limit},
                )
            ).all()
        return [
            Stopping(r.run_id, r.workspace_id, r.node_id, RemoteLink.model_validate(r.remote), r.memo)
            for r in rows
        ]

    async def prune_queue_log(self, keep_hours: int = 24, limit: int = 10_000) -> None:
        """Forget the dispatcher's old log rows: it never does so itself, and our history is elsewhere."""
        async with self._database.begin() as connection:
            await connection.execute(
                text(
                    "DELETE FROM pgqueuer_log WHERE id IN (SELECT id FROM pgqueuer_log "
                    "WHERE created < now() - make_interval(hours => :hours) LIMIT :limit)"
                ),
                {"hours": keep_hours, "limit": limit},
            )


__all__ = ["Due", "Stopping"]

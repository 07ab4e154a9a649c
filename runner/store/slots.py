"""Places for calls: how many steps may talk to a connection at once, and how many requests a minute, over all workers.

A place is taken as long as its node run is leased under the same epoch. So it comes free with the step's outcome or with the
lease of a dead worker, and nothing is ever given back or counted down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.breaker import allowance
from runner.database import Database
from runner.store.batch import Query

_TAKEN = """
    SELECT FROM node_run n WHERE n.id = s.node_run_id AND n.epoch = s.epoch AND n.work = 'leased'
        AND n.lease_until > clock_timestamp()
"""
# `taken_at` guards against a statement that began before the place was taken: its snapshot may not show that lease yet.
_TAKE = Query(
    f"""
    WITH free AS MATERIALIZED (
        SELECT s.number FROM connection_slot s
        WHERE s.connection_id = CAST(:connection_id AS uuid) AND s.number <= :most
            AND (s.taken_at IS NULL OR s.taken_at < statement_timestamp()) AND NOT EXISTS ({_TAKEN})
        ORDER BY s.number LIMIT 1 FOR NO KEY UPDATE OF s SKIP LOCKED
    )
    UPDATE connection_slot s SET node_run_id = :node_run_id, epoch = :epoch, taken_at = clock_timestamp()
    FROM free WHERE s.connection_id = CAST(:connection_id AS uuid) AND s.number = free.number RETURNING s.number
    """
)
_MAKE = Query(
    """
    INSERT INTO connection_slot (connection_id, number)
    SELECT c.id, g FROM connection c, generate_series(1, CAST(:most AS integer)) AS g
    WHERE c.id = CAST(:connection_id AS uuid) ON CONFLICT DO NOTHING
    """
)
_SPEND = Query(
    """
    UPDATE breaker SET rated_at = greatest(rated_at, clock_timestamp() - make_interval(secs => CAST(:burst AS float)))
        + make_interval(secs => CAST(:seconds AS float))
    WHERE connection_id = CAST(:connection_id AS uuid) AND (rated_at IS NULL OR rated_at <= clock_timestamp())
    RETURNING rated_at
    """
)
_FIRST = Query(
    """
    INSERT INTO breaker (connection_id) SELECT id FROM connection WHERE id = CAST(:connection_id AS uuid)
    ON CONFLICT DO NOTHING
    """
)
_COUNT = text(
    f"SELECT count(*) FROM connection_slot s WHERE s.connection_id = :connection_id AND EXISTS ({_TAKEN})"
).bindparams(bindparam("connection_id", type_=PgUuid()))
_BURST = 5.0


@dataclass(frozen=True)
class Limits:
    """`in_flight` steps at once; `per_minute` requests, None: as many as like."""

    in_flight: int
    per_minute: int | None = None

    @property
    def burst(self) -> float:
        """Seconds whose requests may come at once."""
        return _BURST if self.per_minute is not None and self.per_minute > 10 else 0.0

    @property
    def per_second(self) -> float:
        """So that no minute sees more than `per_minute`, whatever was saved up before it."""
        assert self.per_minute is not None
        return (self.per_minute - 1) / (60 + self.burst) if self.burst else self.per_minute / 60


class Slots:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._made: set[tuple[UUID, int]] = set()

    async def take(self, connection_id: UUID, limits: Limits, *, node_run_id: UUID, epoch: int) -> bool:
        """Whether the step has a place now; it keeps it until its outcome is recorded. The claim must be committed."""
        most = limits.in_flight
        if (connection_id, most) not in self._made:
            await _MAKE.rows(self._database, connection_id=connection_id, most=most)
            self._made.add((connection_id, most))
        found = await _TAKE.rows(
            self._database, connection_id=connection_id, most=most, node_run_id=node_run_id, epoch=epoch
        )
        return bool(found)

    async def spend(self, connection_id: UUID, limits: Limits, requests: int) -> bool:
        """Whether the next request may go by the limit per minute; `requests` are counted then: this one, and those of earlier
        steps that nobody has counted yet."""
        seconds = requests / limits.per_second
        given = {"connection_id": connection_id, "seconds": seconds, "burst": limits.burst}
        for _ in range(2):
            if await _SPEND.rows(self._database, **given):
                return True
            await _FIRST.rows(self._database, connection_id=connection_id)
        return False


async def free_places(
    transaction: AsyncConnection,
    connection_id: UUID,
    limits: Limits,
    rated_at: datetime | None,
    now: datetime,
) -> int:
    """How many more steps could call it now."""
    taken = await transaction.scalar(_COUNT, {"connection_id": connection_id})
    free = limits.in_flight - (taken or 0)
    if limits.per_minute is None:
        return free
    return min(free, allowance(rated_at, now, limits.per_second, limits.burst)[0])


__all__ = ["Limits", "Slots"]

"""Breakers: what every worker knows of a connection's platform, who probes it, and which held steps may go on.

Every change is one transaction that holds the breaker's row, so whatever `runner.breaker` says holds over all workers: one
opening and one incident, one probe, one pace. Lock order: breaker, run, node.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner import breaker as rules
from runner.breaker import Breaker, Policy, Word
from runner.database import Database
from runner.errors import Conflict, NotFound
from runner.model import Scope
from runner.store.audit import record
from runner.store.bell import Bell
from runner.store.slots import Limits, free_places
from runner.tables import breaker, connection, incident

_FIELDS = tuple(field.name for field in fields(Breaker))
_UUID = bindparam("connection_id", type_=PgUuid())
_NEW = text(
    "INSERT INTO breaker (connection_id) SELECT id FROM connection WHERE id = :connection_id ON CONFLICT DO NOTHING"
).bindparams(_UUID)

# Where something is to be done: a breaker that is not closed, or steps that wait. The index of held steps answers it.
_LOOK = text(
    """
    SELECT c.id, c.workspace_id, c.provider, c.max_in_flight, c.max_per_minute, waits.held, waits.queued,
        coalesce(b.state, 'closed') AS state,
        CASE b.state WHEN 'open' THEN b.probe_at <= clock_timestamp()
            WHEN 'half_open' THEN b.probe_until <= clock_timestamp() ELSE false END AS probe
    FROM connection c LEFT JOIN breaker b ON b.connection_id = c.id
    CROSS JOIN LATERAL (SELECT
        EXISTS (SELECT FROM node_run n WHERE n.held_for = c.id AND n.work = 'parked' AND n.state = 'HELD') AS held,
        EXISTS (SELECT FROM node_run n WHERE n.held_for = c.id AND n.work = 'parked' AND n.state <> 'HELD') AS queued
    ) AS waits
    WHERE b.state <> 'closed' OR waits.held OR waits.queued
    """
)

# Those that have waited longest; what somebody is writing just now is left for the next time. A step's own limit stands still
# while it is held. Run rows first, then node rows, as every writer does.
_RELEASE = text(
    """
    WITH due AS MATERIALIZED (
        SELECT id, run_id FROM node_run
        WHERE held_for = :connection_id AND work = 'parked' AND (state = 'HELD') = CAST(:held AS boolean)
        ORDER BY waiting_since LIMIT :most
    ), r AS MATERIALIZED (
        SELECT id FROM run WHERE id IN (SELECT run_id FROM due) AND state IN ('PENDING', 'RUNNING', 'WAITING')
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ), old AS MATERIALIZED (
        SELECT n.id, n.state, n.waiting_since FROM due JOIN r ON r.id = due.run_id JOIN node_run n ON n.id = due.id
        WHERE n.work = 'parked' AND n.held_for = :connection_id FOR NO KEY UPDATE OF n SKIP LOCKED
    ), new AS (
        UPDATE node_run n SET work = 'ready', waiting = NULL, held_for = NULL,
            lease_until = clock_timestamp(), state = CASE WHEN old.state = 'HELD' THEN 'QUEUED' ELSE n.state END,
            deadline_at = CASE WHEN old.state = 'HELD'
                THEN n.deadline_at + (clock_timestamp() - old.waiting_since) ELSE n.deadline_at END
        FROM old WHERE n.id = old.id
        RETURNING n.id, n.run_id, n.node_id, n.label, old.state = 'HELD' AS held,
            extract(epoch FROM clock_timestamp() - old.waiting_since) AS seconds
    ), counted AS (
        SELECT run_id, count(*) AS lines FROM new WHERE held GROUP BY run_id
    ), told AS (
        UPDATE run SET event_seq = run.event_seq + counted.lines, updated_at = clock_timestamp(), state = 'RUNNING'
        FROM counted WHERE run.id = counted.run_id
        RETURNING run.id, run.event_seq - counted.lines AS before
    ), line AS (
        INSERT INTO run_event (run_id, seq, kind, level, node_id, message, data)
        SELECT new.run_id, told.before + row_number() OVER (PARTITION BY new.run_id ORDER BY new.id), 'node.released', 'info',
            new.node_id, new.label || ' goes on after ' || round(new.seconds) || ' s: ' || :name || ' answers again',
            jsonb_build_object('heldSeconds', round(new.seconds::numeric, 3), 'connectionId', CAST(:connection_id AS text))
        FROM new JOIN told ON told.id = new.run_id WHERE new.held
    )
    SELECT run_id FROM new
    """
).bindparams(_UUID)


@dataclass(frozen=True)
class Look:
    """A connection that something is to be done for."""

    id: UUID
    workspace_id: UUID
    provider: str
    max_in_flight: int | None
    max_per_minute: int | None
    held: bool
    queued: bool
    state: rules.State
    probe: bool


class Breakers:
    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def report(self, connection_id: UUID, policy: Policy, word: Word, *, ago: float) -> Breaker:
        """What a step's calls, the first of them `ago` seconds back, said of the platform. Gives the breaker as it is then; one
        that opens raises its incident. A connection that is gone is no error."""

        def heard(known: Breaker, now: datetime) -> Breaker:
            if word.kind == "answers":
                return rules.succeeded(known, policy, now)
            return rules.failed(known, policy, word, now - timedelta(seconds=ago), now, random.random())

        async with self._database.begin() as transaction:
            found = await _changed(transaction, connection_id, heard, word.cause or None)
        return Breaker() if found is None else found

    async def pause(self, connection_id: UUID) -> tuple[float, datetime] | None:
        """For how many seconds more, and until when, the platform wants to be left alone."""
        async with self._database.begin() as transaction:
            until = breaker.c.pause_until
            left = text("extract(epoch FROM pause_until - clock_timestamp())")
            query = select(left, until).select_from(breaker).where(breaker.c.connection_id == connection_id)
            row = (await transaction.execute(query)).first()
        return None if row is None or row[1] is None or row[0] <= 0 else (float(row[0]), row[1])

    async def look(self) -> tuple[Look, ...]:
        """Every connection with something to do: to probe, or to let steps go on."""
        async with self._database.begin() as transaction:
            return tuple(Look(**row) for row in (await transaction.execute(_LOOK)).mappings())

    async def begin_probe(self, connection_id: UUID, policy: Policy) -> UUID | None:
        """The one probe is the asker's, under the id returned; None: it is not due, or somebody else has it."""
        prober = uuid4()

        def begun(known: Breaker, now: datetime) -> Breaker:
            return rules.begin_probe(known, policy, prober, now) or known

        async with self._database.begin() as transaction:
            found = await _changed(transaction, connection_id, begun, None)
        return prober if found is not None and found.prober == prober else None

    async def probed(self, connection_id: UUID, policy: Policy, prober: UUID, word: Word) -> Breaker | None:
        """What the probe found. Closing resolves the incident. A prober that was given up changes nothing."""

        def heard(known: Breaker, now: datetime) -> Breaker:
            return rules.probed(
                known,
                policy,
                prober,
                now,
                answers=word.kind == "answers",
                jitter=random.random(),
                pause=word.pause,
            )

        async with self._database.begin() as transaction:
            return await _changed(transaction, connection_id, heard, word.cause or None)

    async def drain(self, connection_id: UUID, limits: Limits, policy: Policy, *, held: bool) -> int:
        """Let as many steps go on as may now: the held ones at the pace, or those that wait for a place; both within the
        limits. Returns how many.

        Whoever is at it has the row; others leave it to him."""
        async with self._database.begin() as transaction:
            await transaction.execute(_NEW, {"connection_id": connection_id})
            asked = (
                select(breaker, connection.c.name, text("clock_timestamp() AS now"))
                .join(connection, connection.c.id == breaker.c.connection_id)
                .where(breaker.c.connection_id == connection_id)
                .with_for_update(of=breaker, skip_locked=True)
            )
            row = (await transaction.execute(asked)).mappings().first()
            if row is None or row["state"] != "closed":
                return 0
            now: datetime = row["now"]
            if row["pause_until"] is not None and row["pause_until"] > now:
                return 0
            most, start = await free_places(transaction, connection_id, limits, row["rated_at"], now), now
            if held:
                paced, start = rules.allowance(row["paced_at"], now, policy.pace)
                most = min(most, paced)
            if most <= 0:
                return 0
            given = {"connection_id": connection_id, "held": held, "most": most, "name": row["name"]}
            released = list(await transaction.scalars(_RELEASE, given))
            if held and released:
                at = rules.spent(start, len(released), policy.pace)
                await transaction.execute(
                    update(breaker).where(breaker.c.connection_id == connection_id).values(paced_at=at)
                )
        if released:
            self._bell.ring(*set(released), work=True)
        return len(released)

    async def hasten(self, scope: Scope, connection_id: UUID) -> None:
        """The next probe is due now. Raises NotFound; Conflict where nothing is out of order."""
        async with self._database.begin(scope) as transaction:
            await _opened(transaction, scope, connection_id)
            await _changed(transaction, connection_id, rules.hastened, None)
            await record(transaction, scope, "connection.probed", "connection", connection_id)

    async def close(self, scope: Scope, connection_id: UUID) -> None:
        """Closed by a person, whatever the platform says: held steps go on at the pace. Raises as `hasten`."""
        async with self._database.begin(scope) as transaction:
            await _opened(transaction, scope, connection_id)
            await _changed(transaction, connection_id, rules.closed, None, by=scope.subject)
            await record(transaction, scope, "connection.breaker_closed", "connection", connection_id)


async def _changed(
    transaction: AsyncConnection,
    connection_id: UUID,
    change: Callable[[Breaker, datetime], Breaker],
    cause: str | None,
    *,
    by: str | None = None,
) -> Breaker | None:
    """Under the row's lock: apply `change`, and raise or resolve the incident that goes with it. None: there is no such
    connection."""
    asked = (
        select(breaker, connection.c.workspace_id, connection.c.provider, connection.c.name)
        .join(connection, connection.c.id == breaker.c.connection_id)
        .where(breaker.c.connection_id == connection_id)
        .with_for_update(of=breaker)
    )
    row = (await transaction.execute(asked)).mappings().first()
    if row is None:
        await transaction.execute(_NEW, {"connection_id": connection_id})
        row = (await transaction.execute(asked)).mappings().first()
    if row is None:
        return None
    # Asked for after the lock was had: two that waited for each other see time go on.
    now: datetime = (await transaction.execute(text("SELECT clock_timestamp()"))).scalar_one()
    old = Breaker(**{name: row[name] for name in _FIELDS})
    new = change(old, now)
    if new == old:
        return old
    values: dict[str, Any] = asdict(new)
    if cause is not None:
        values["cause"] = cause
    if old.state == "closed" and new.state != "closed":
        about = {name: row[name] for name in ("workspace_id", "provider", "name")}
        await transaction.execute(
            insert(incident).values(
                **about, connection_id=connection_id, cause=cause or row["cause"], opened_at=now
            )
        )
        values["paced_at"] = None
    elif old.state != "closed" and new.state == "closed":
        unsolved = (incident.c.connection_id == connection_id, incident.c.resolved_at.is_(None))
        await transaction.execute(update(incident).where(*unsolved).values(resolved_at=now, resolved_by=by))
    await transaction.execute(update(breaker).where(breaker.c.connection_id == connection_id).values(values))
    return new


async def _opened(transaction: AsyncConnection, scope: Scope, connection_id: UUID) -> None:
    query = (
        select(connection.c.name, breaker.c.state)
        .outerjoin(breaker, breaker.c.connection_id == connection.c.id)
        .where(connection.c.id == connection_id, connection.c.workspace_id == scope.workspace_id)
    )
    row = (await transaction.execute(query)).first()
    if row is None:
        raise NotFound(f"there is no connection {connection_id}")
    if row.state in (None, "closed"):
        raise Conflict(
            f"nothing is held for {row.name}: it answers",
            code="breaker-closed",
            hint="Load the connection again: it was closed meanwhile.",
        )


__all__ = ["Breakers", "Look"]

"""How long ended runs are kept: what each orchestrator says of it, what is pinned, and what was purged. `purge` does it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.dialects.postgresql import insert as upsert

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import NotFound
from runner.model import Policy, Scope
from runner.store.audit import record
from runner.store.bell import Bell
from runner.store.events import Entry, append
from runner.tables import duty, orchestrator, purge, retention, run

FREE = """
    NOT EXISTS (SELECT FROM dead_letter l WHERE l.run_id = w.id AND l.state IN ('open', 'replaying'))
    AND NOT EXISTS (
        SELECT FROM node_run n
            LEFT JOIN run c ON c.parent_node_run_id = n.id AND c.state IN ('PENDING', 'RUNNING', 'WAITING')
        WHERE n.run_id = w.id AND (n.work = 'stopping' OR c.id IS NOT NULL)
    )
    AND NOT EXISTS (
        SELECT FROM node_run n JOIN run p ON p.id = n.run_id
        WHERE n.id = w.parent_node_run_id AND (p.keep OR p.state IN ('PENDING', 'RUNNING', 'WAITING')
            OR EXISTS (SELECT FROM dead_letter l WHERE l.run_id = p.id AND l.state IN ('open', 'replaying')))
    )
"""
"""The condition on an ended, unpinned run `w` that lets it go: no open dead letter, nothing of it still to be stopped, no run
it started goes on, and the run that started it has ended and is not itself kept."""

# `cut`: the newest run that goes, as (finished_at, id). By age or by count, whichever reaches further.
POLICY = """
    SELECT o.id, o.workspace_id, o.name, o.deleted_at, p.orchestrator_id IS NOT NULL AS own, p.updated_by, p.updated_at,
        CASE WHEN p.orchestrator_id IS NULL THEN CAST(:days AS int) ELSE p.days END AS days,
        CASE WHEN p.orchestrator_id IS NULL THEN CAST(:runs AS int) ELSE p.runs END AS runs
    FROM orchestrator o LEFT JOIN retention p ON p.orchestrator_id = o.id
"""
CUT = """
    SELECT greatest(age.at, newest.at) AS at, CASE
        WHEN age.at IS NOT NULL AND (newest.at IS NULL OR age.at >= newest.at)
            THEN CAST('ffffffff-ffff-ffff-ffff-ffffffffffff' AS uuid) ELSE newest.id END AS id
    FROM (SELECT clock_timestamp() - make_interval(days => policy.days) AS at) age LEFT JOIN LATERAL (
        SELECT finished_at AS at, r.id FROM run r
        WHERE r.orchestrator_id = policy.id AND r.finished_at IS NOT NULL AND NOT r.keep AND policy.runs IS NOT NULL
        ORDER BY finished_at DESC, r.id DESC OFFSET policy.runs LIMIT 1
    ) newest ON true
"""
_PREVIEW = text(
    f"""
    WITH policy AS MATERIALIZED (
        {POLICY} WHERE o.workspace_id = :workspace_id AND (CAST(:before AS uuid) IS NULL OR o.id < :before)
        ORDER BY o.id DESC LIMIT :limit
    )
    SELECT policy.id AS orchestrator_id, policy.name AS orchestrator_name, policy.days, policy.runs, counted.*,
        (SELECT count(*) FROM run r WHERE r.orchestrator_id = policy.id AND r.finished_at IS NOT NULL) AS ended,
        (SELECT count(*) FROM run r WHERE r.orchestrator_id = policy.id AND r.keep) AS pinned
    FROM policy LEFT JOIN LATERAL ({CUT}) cut ON true LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE {FREE}) AS purge, count(*) FILTER (WHERE NOT ({FREE})) AS held
        FROM run w WHERE w.orchestrator_id = policy.id AND w.finished_at IS NOT NULL AND NOT w.keep
            AND (w.finished_at, w.id) <= (cut.at, cut.id)
    ) counted ON true
    ORDER BY policy.id DESC
    """
).bindparams(bindparam("workspace_id", type_=PgUuid()), bindparam("before", type_=PgUuid()))
_POLICIES = text(
    f"""
    {POLICY} WHERE o.workspace_id = :workspace_id AND (CAST(:before AS uuid) IS NULL OR o.id < :before)
        AND (CAST(:id AS uuid) IS NULL OR o.id = :id)
    ORDER BY o.id DESC LIMIT :limit
    """
).bindparams(*(bindparam(name, type_=PgUuid()) for name in ("workspace_id", "before", "id")))


class Retained(Frozen):
    """What holds for one orchestrator. `own` false: the server's default."""

    orchestrator_id: UUID
    orchestrator_name: str
    deleted: bool
    days: int | None
    runs: int | None
    own: bool
    updated_by: str | None
    updated_date: Timestamp | None


class RetentionPreview(Frozen):
    """What a purge would do now, of `ended` runs: `purge` so many; `held` would go too but for an open dead letter or a run
    that goes on; `pinned` are kept for ever."""

    orchestrator_id: UUID
    orchestrator_name: str
    days: int | None
    runs: int | None
    ended: int
    pinned: int
    held: int
    purge: int


class Purged(Frozen):
    """One purge of an orchestrator's runs: how many went between those times. `archive`: the folder, null where none was set."""

    id: UUID
    orchestrator_id: UUID
    orchestrator_name: str
    runs: int
    archive: str | None
    started_date: Timestamp
    updated_date: Timestamp


class Retention:
    """Every method finds rows of the asker's workspace only, and raises NotFound for any other. `default` is the server's."""

    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def page(
        self, scope: Scope, default: Policy, *, limit: int, before: UUID | None = None
    ) -> tuple[Retained, ...]:
        """By orchestrator, newest first, those older than `before`; of deleted ones, too, which still have runs."""
        return await self._policies(scope, default, limit, before, None)

    async def of(self, scope: Scope, default: Policy, orchestrator_id: UUID) -> Retained:
        found = await self._policies(scope, default, 1, None, orchestrator_id)
        if not found:
            raise NotFound("There is no such orchestrator.")
        return found[0]

    async def _policies(
        self, scope: Scope, default: Policy, limit: int, before: UUID | None, only: UUID | None
    ) -> tuple[Retained, ...]:
        given = {"workspace_id": scope.workspace_id, "limit": limit, "before": before, "id": only}
        async with self._database.begin(scope) as connection:
            rows = (await connection.execute(_POLICIES, {**given, **default.model_dump()})).all()
        return tuple(
            Retained(
                orchestrator_id=row.id,
                orchestrator_name=row.name,
                deleted=row.deleted_at is not None,
                days=row.days,
                runs=row.runs,
                own=row.own,
                updated_by=row.updated_by,
                updated_date=row.updated_at,
            )
            for row in rows
        )

    async def preview(
        self, scope: Scope, default: Policy, *, limit: int, before: UUID | None = None
    ) -> tuple[RetentionPreview, ...]:
        """As `page`; changes nothing."""
        given = {"workspace_id": scope.workspace_id, "limit": limit, "before": before}
        async with self._database.begin(scope) as connection:
            found = await connection.execute(_PREVIEW, {**given, **default.model_dump()})
            rows = found.mappings().all()
        return tuple(RetentionPreview.model_validate(dict(row)) for row in rows)

    async def set(self, scope: Scope, orchestrator_id: UUID, policy: Policy | None) -> None:
        """The orchestrator has this policy of its own; None: the server's default again."""
        async with self._database.begin(scope) as connection:
            mine = (orchestrator.c.id == orchestrator_id, orchestrator.c.workspace_id == scope.workspace_id)
            name = await connection.scalar(select(orchestrator.c.name).where(*mine))
            if name is None:
                raise NotFound("There is no such orchestrator.")
            changed = () if policy is None else tuple(policy.model_dump())
            await record(
                connection, scope, "retention.changed", "retention", orchestrator_id, name, fields=changed
            )
            if policy is None:
                await connection.execute(
                    delete(retention).where(retention.c.orchestrator_id == orchestrator_id)
                )
                return
            values = {**policy.model_dump(), "updated_by": scope.subject}
            await connection.execute(
                upsert(retention)
                .values(orchestrator_id=orchestrator_id, **values)
                .on_conflict_do_update(
                    index_elements=[retention.c.orchestrator_id],
                    set_={**values, "updated_at": func.clock_timestamp()},
                )
            )

    async def keep(self, scope: Scope, run_id: UUID, keep: bool) -> None:
        """Pin a run, or let it go again; its history says who did that. Idempotent."""
        async with self._database.begin(scope) as connection:
            mine = (run.c.id == run_id, run.c.workspace_id == scope.workspace_id)
            query = select(run.c.keep, run.c.number).where(*mine).with_for_update(key_share=True)
            before = (await connection.execute(query)).first()
            if before is None:
                raise NotFound("There is no such run.")
            if before.keep == keep:
                return
            await connection.execute(update(run).where(*mine).values(keep=keep))
            kind, words = (
                ("run.kept", "kept for ever") if keep else ("run.released", "no longer kept for ever")
            )
            line = Entry(kind, f"{words}, by {scope.subject}", data={"by": scope.subject})
            await append(connection, run_id, [line])
            await record(connection, scope, kind, "run", run_id, f"#{before.number}")
        self._bell.ring(run_id)

    async def purges(self, scope: Scope, *, limit: int, before: UUID | None = None) -> tuple[Purged, ...]:
        """What was purged, newest first."""
        query = (
            select(purge, orchestrator.c.name.label("orchestrator_name"))
            .join(orchestrator, orchestrator.c.id == purge.c.orchestrator_id)
            .where(purge.c.workspace_id == scope.workspace_id)
            .order_by(purge.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(purge.c.id < before)
        async with self._database.begin(scope) as connection:
            rows = (await connection.execute(query)).all()
        return tuple(_purged(row) for row in rows)

    async def purged(self, scope: Scope) -> int:
        """How many runs have been purged in all."""
        query = select(func.coalesce(func.sum(purge.c.runs), 0)).where(
            purge.c.workspace_id == scope.workspace_id
        )
        async with self._database.begin(scope) as connection:
            return int(await connection.scalar(query) or 0)

    async def hurry(self, scope: Scope) -> None:
        """Let the next purge begin now, of every workspace."""
        async with self._database.begin() as connection:  # one pace for all workspaces
            await record(connection, scope, "retention.applied", "retention")
            await connection.execute(
                update(duty).where(duty.c.name == "purge").values(due_at=func.clock_timestamp())
            )


def _purged(row: Any) -> Purged:
    return Purged(
        id=row.id,
        orchestrator_id=row.orchestrator_id,
        orchestrator_name=row.orchestrator_name,
        runs=row.runs,
        archive=row.archive,
        started_date=row.started_at,
        updated_date=row.updated_at,
    )

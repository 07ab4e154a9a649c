"""Deleting runs that retention lets go: a small batch in one transaction, so that each run is whole or gone.

One process at a time is at it, whoever has the lock of the duty's row; that row also says how far it came and when the next
batch is due, so a process that dies leaves it to the next one and the pace is one for all. Runs are found in an index, oldest
first, and locked only if nobody else has them: nothing waits for a purge, and it waits for nobody.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.archive import Batch
from runner.database import Database
from runner.errors import ArchiveUnwritable
from runner.model import Policy
from runner.redaction import Redactor, masked_record
from runner.store.redaction import Redactions
from runner.store.retention import CUT, FREE, POLICY

BATCH = 100
"""Runs looked at, and deleted at most, in one transaction."""
PAUSE = 0.2
"""Seconds between two batches, over all processes."""
EVERY = 300.0
"""Seconds between two passes over all orchestrators."""

_DUTY = text(
    """
    SELECT place, clock_timestamp() AS now FROM duty WHERE name = 'purge' AND due_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED
    """
).columns(place=JSONB)
_RESTING = text("SELECT place IS NULL AND due_at > clock_timestamp() FROM duty WHERE name = 'purge'")
_DONE = text(
    """
    UPDATE duty SET place = :place, due_at = clock_timestamp() + make_interval(secs => CAST(:pause AS double precision))
    WHERE name = 'purge'
    """
).bindparams(bindparam("place", type_=JSONB(none_as_null=True)))
_NEXT = text(
    f"""
    SELECT policy.id, policy.workspace_id, policy.name, cut.at AS cut_at, cut.id AS cut_id
    FROM ({POLICY} WHERE CASE WHEN :again THEN o.id = :orchestrator ELSE CAST(:orchestrator AS uuid) IS NULL
        OR o.id > :orchestrator END) policy CROSS JOIN LATERAL ({CUT}) cut
    WHERE EXISTS (
        SELECT FROM run r WHERE r.orchestrator_id = policy.id AND r.finished_at IS NOT NULL AND NOT r.keep
            AND (r.finished_at, r.id) <= (cut.at, cut.id)
    )
    ORDER BY policy.id LIMIT 1
    """
).bindparams(bindparam("orchestrator", type_=PgUuid()), bindparam("again", type_=Boolean()))
WINDOW = """
    SELECT id, finished_at, parent_node_run_id, event_seq FROM run
    WHERE orchestrator_id = :orchestrator AND finished_at IS NOT NULL AND NOT keep
      AND (finished_at, id) > (CAST(CAST(:after_at AS text) AS timestamptz), CAST(:after_id AS uuid))
      AND (finished_at, id) <= (CAST(CAST(:cut_at AS text) AS timestamptz), CAST(:cut_id AS uuid))
    ORDER BY finished_at, id LIMIT :limit
"""
_LOOK = text(
    f"WITH w AS MATERIALIZED ({WINDOW}) SELECT id, finished_at, {FREE} AS free FROM w ORDER BY finished_at, id"
).bindparams(*(bindparam(name, type_=PgUuid()) for name in ("orchestrator", "after_id", "cut_id")))
_LOCK = text("SELECT id FROM run WHERE id = ANY(:ids) AND NOT keep FOR UPDATE SKIP LOCKED").bindparams(
    bindparam("ids", type_=ARRAY(PgUuid()))
)
# Under the locks, and in a snapshot that is younger than they are.
_STILL = text(
    f"""
    SELECT w.id, w.event_seq, (SELECT coalesce(max(a.id), 0) FROM callback_audit a WHERE a.run_id = w.id) AS audit
    FROM run w WHERE w.id = ANY(:ids) AND {FREE}
    """
).bindparams(bindparam("ids", type_=ARRAY(PgUuid())))
_WHOLE = text(
    """
    SELECT json_build_object(
        'run', to_jsonb(r) - 'sealed_seed' - 'key_id',
        'nodes', (SELECT json_agg(json_build_object('node', to_jsonb(n), 'attempts', (
            SELECT coalesce(json_agg(to_jsonb(a) ORDER BY a.attempt), '[]') FROM node_attempt a WHERE a.node_run_id = n.id
        )) ORDER BY n.id) FROM node_run n WHERE n.run_id = r.id),
        'events', (SELECT json_agg(to_jsonb(e) ORDER BY e.seq) FROM run_event e WHERE e.run_id = r.id),
        'waits', (SELECT coalesce(json_agg(to_jsonb(w) - 'token_sha256' ORDER BY w.node_run_id), '[]')
            FROM wait w WHERE w.run_id = r.id),
        'callbacks', (SELECT coalesce(json_agg(to_jsonb(c) ORDER BY c.received_at), '[]')
            FROM callback c JOIN node_run n ON n.id = c.node_run_id WHERE n.run_id = r.id),
        'callbackAudit', (SELECT coalesce(json_agg(to_jsonb(a) ORDER BY a.id), '[]')
            FROM callback_audit a WHERE a.run_id = r.id),
        'deadLetters', (SELECT coalesce(json_agg(to_jsonb(l) ORDER BY l.id), '[]')
            FROM dead_letter l WHERE l.run_id = r.id)
    )::text AS record, r.event_seq, (SELECT coalesce(max(a.id), 0) FROM callback_audit a WHERE a.run_id = r.id) AS audit
    FROM run r WHERE r.id = :id
    """
).bindparams(bindparam("id", type_=PgUuid()))
# The cascades take the rest of each run with it.
_DELETE = text("DELETE FROM run WHERE id = ANY(:ids)").bindparams(bindparam("ids", type_=ARRAY(PgUuid())))
_NOTE = text(
    """
    INSERT INTO purge (id, workspace_id, orchestrator_id, runs, archive)
    VALUES (coalesce(:id, uuidv7()), :workspace_id, :orchestrator, :count, :archive)
    ON CONFLICT (id) DO UPDATE SET runs = purge.runs + excluded.runs, updated_at = clock_timestamp() RETURNING id
    """
).bindparams(*(bindparam(name, type_=PgUuid()) for name in ("id", "workspace_id", "orchestrator")))
_START = ("-infinity", UUID(int=0))


@dataclass(frozen=True)
class Stepped:
    """`runs` were purged. `over`: the pass has come to its end."""

    runs: int
    over: bool


@dataclass
class _Place:
    """How far a pass came: the orchestrator, the last run looked at, and the note of what went. `cut`, up to where its runs go,
    is asked anew for each batch: a policy that is changed meanwhile counts at once."""

    orchestrator: UUID
    workspace: UUID
    name: str
    cut: tuple[str, UUID] | None
    after: tuple[str, UUID] = _START
    note: UUID | None = None

    @classmethod
    def of(cls, kept: Any) -> _Place | None:
        if kept is None:
            return None
        return cls(
            UUID(kept["orchestrator"]),
            UUID(kept["workspace"]),
            kept["name"],
            None,
            (kept["after"][0], UUID(kept["after"][1])),
            UUID(kept["note"]) if kept["note"] else None,
        )

    def kept(self) -> Any:
        return {
            "orchestrator": str(self.orchestrator),
            "workspace": str(self.workspace),
            "name": self.name,
            "after": [self.after[0], str(self.after[1])],
            "note": str(self.note) if self.note else None,
        }


class Purge:
    def __init__(self, database: Database, redactions: Redactions) -> None:
        self._database = database
        self._redactions = redactions

    async def step(
        self, default: Policy, *, archive: Path | None = None, pause: float = PAUSE, every: float = EVERY
    ) -> Stepped | None:
        """The next batch. None: it is not due, or another process is at it. With `archive`, the runs are in a file there,
        durable, before they go. Raises ArchiveUnwritable; then nothing is gone."""
        async with self._database.begin() as connection:
            due = (await connection.execute(_DUTY)).first()
            if due is None:
                return None
            place = _Place.of(due.place)
            if place is not None:
                place.cut = await self._cut(connection, default, place.orchestrator)
            else:
                place = await self._following(connection, default, None)
            count = 0
            if place is not None:
                count, exhausted = await self._batch(connection, place, archive, due.now.isoformat())
                if exhausted:
                    place = await self._following(connection, default, place.orchestrator)
            over = place is None
            kept = None if place is None else place.kept()
            await connection.execute(_DONE, {"place": kept, "pause": every if over else pause})
        return Stepped(count, over)

    async def resting(self) -> bool:
        """No pass is under way, and none is due."""
        async with self._database.begin() as connection:
            return bool(await connection.scalar(_RESTING))

    async def _following(
        self, connection: AsyncConnection, default: Policy, after: UUID | None
    ) -> _Place | None:
        """The next orchestrator that has a policy and, by it, something to lose."""
        given = {**default.model_dump(), "orchestrator": after, "again": False}
        row = (await connection.execute(_NEXT, given)).first()
        if row is None:
            return None
        return _Place(row.id, row.workspace_id, row.name, (row.cut_at.isoformat(), row.cut_id))

    async def _cut(
        self, connection: AsyncConnection, default: Policy, orchestrator: UUID
    ) -> tuple[str, UUID] | None:
        """Up to where runs of this orchestrator go now. None: none goes any more."""
        given = {**default.model_dump(), "orchestrator": orchestrator, "again": True}
        row = (await connection.execute(_NEXT, given)).first()
        return None if row is None else (row.cut_at.isoformat(), row.cut_id)

    async def _batch(
        self, connection: AsyncConnection, place: _Place, archive: Path | None, now: str
    ) -> tuple[int, bool]:
        """How many went, and whether the orchestrator has no more that may go."""
        if place.cut is None:
            return 0, True
        given = {
            "orchestrator": place.orchestrator,
            "after_at": place.after[0],
            "after_id": place.after[1],
            "cut_at": place.cut[0],
            "cut_id": place.cut[1],
            "limit": BATCH,
        }
        seen = (await connection.execute(_LOOK, given)).all()
        if seen:
            place.after = (seen[-1].finished_at.isoformat(), seen[-1].id)
        ids = [row.id for row in seen if row.free]
        if ids:
            written = None
            if archive is not None:
                try:
                    written = await self._write(connection, archive, place, ids, now)
                except OSError as error:
                    raise ArchiveUnwritable(
                        f"the archive cannot be written: {error.strerror or error}: {error.filename or archive}",
                        hint="See that BATON_ARCHIVE_DIR is a folder that Baton may write to, with room.",
                    ) from error
            gone = await self._delete(connection, ids, written)
            if gone:
                note = {
                    "id": place.note,
                    "workspace_id": place.workspace,
                    "orchestrator": place.orchestrator,
                    "count": len(gone),
                    "archive": None if archive is None else str(archive),
                }
                place.note = await connection.scalar(_NOTE, note)
            return len(gone), len(seen) < BATCH
        return 0, len(seen) < BATCH

    async def _write(
        self, connection: AsyncConnection, folder: Path, place: _Place, ids: list[UUID], now: str
    ) -> dict[UUID, tuple[int, int]]:
        """What of each run is in the file: how long its history was, and its newest callback. No run is locked meanwhile."""
        written: dict[UUID, tuple[int, int]] = {}
        redactor = (await self._redactions.rules(place.workspace)).of(place.orchestrator)
        batch_id: UUID = (await connection.execute(text("SELECT uuidv7()"))).scalar_one()
        batch = Batch(folder, place.orchestrator, place.name, batch_id, now)
        await asyncio.to_thread(batch.__enter__)
        try:
            for run_id in ids:  # one by one: only one whole run is in memory
                row = (await connection.execute(_WHOLE, {"id": run_id})).one()
                await asyncio.to_thread(batch.add, _masked(row.record, redactor))
                written[run_id] = (row.event_seq, row.audit)
        except BaseException as error:
            batch.__exit__(type(error), error)
            raise
        await asyncio.to_thread(batch.__exit__, None)
        return written

    async def _delete(
        self, connection: AsyncConnection, ids: list[UUID], written: dict[UUID, tuple[int, int]] | None
    ) -> list[UUID]:
        """Those of `ids` that nobody else has in hand and that are still as they were `written`."""
        locked = (await connection.scalars(_LOCK, {"ids": ids})).all()
        still = (await connection.execute(_STILL, {"ids": list(locked)})).all()
        gone = [row.id for row in still if written is None or written[row.id] == (row.event_seq, row.audit)]
        if gone:
            await connection.execute(text("SELECT set_config('baton.purge', 'on', true)"))
            await connection.execute(_DELETE, {"ids": gone})
        return gone


def _masked(record: str, redactor: Redactor | None) -> str:
    """The line of a run in the archive, which is read by whoever may read the folder: masked as everywhere else."""
    if redactor is None:
        return record.replace("\n", "")  # between values only
    return json.dumps(masked_record(json.loads(record), redactor), ensure_ascii=False)

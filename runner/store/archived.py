"""Putting ended runs away, and back. An archived run leaves the lists and their counts; it keeps everything else. One method, one
transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Row, Uuid, and_, func, insert, literal, null, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen
from runner.database import Database
from runner.model import Scope
from runner.store.audit import record
from runner.store.run_filter import RunFilter, conditions
from runner.tables import dead_letter, run, run_event

PIECE = 1000
"""Runs in one transaction, at most."""
Which = RunFilter | Sequence[UUID]
"""Those that match, or these; ids of other workspaces and of nothing are passed over."""


class Archiving(Frozen):
    """`done` runs were moved by this call. `left` are still to be moved: ask again until it is 0. Of those that are asked for,
    `underWay` have not ended and stay in the lists; `deadLetters` are open ones of the others, and stay open."""

    done: int
    left: int
    under_way: int
    dead_letters: int


class Archived:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def preview(self, scope: Scope, which: Which, *, back: bool = False) -> Archiving:
        """What `move` would do now, counted. Changes nothing."""
        async with self._database.begin(scope) as connection:
            return await _counted(connection, _asked(scope, which, back), 0)

    async def move(self, scope: Scope, which: Which, *, back: bool = False) -> Archiving:
        """Archive the oldest 1,000 of the ended runs that are asked for, or with `back` take them out of the archive.

        Each one's history says who did it; the audit log has one line for all of them. A run that is there already is passed
        over, so that the same call can be made again."""
        kind = "run.unarchived" if back else "run.archived"
        words = "taken out of the archive" if back else "archived"
        asked = _asked(scope, which, back)
        chosen = (
            select(run.c.id)
            .where(asked, run.c.finished_at.is_not(None))
            .order_by(run.c.id)
            .limit(PIECE)
            .with_for_update()
            .cte("chosen")
        )
        told = _told(chosen, back)
        columns = {
            "run_id": told.c.id,
            "seq": told.c.event_seq,
            "kind": literal(kind),
            "message": literal(f"{words} by {scope.subject}"),
            "data": literal({"by": scope.subject}, JSONB),
        }
        lines = insert(run_event).from_select(list(columns), select(*columns.values())).cte("lines")
        async with self._database.begin(scope) as connection:
            moved = (await connection.execute(select(told.c.id, told.c.number).add_cte(lines))).all()
            if moved:
                await _record(connection, scope, kind, moved)
            return await _counted(connection, asked, len(moved))


def _asked(scope: Scope, which: Which, back: bool) -> ColumnElement[bool]:
    if isinstance(which, RunFilter):
        return and_(*conditions(scope, replace(which, archived=back)))
    ids = run.c.id == func.any(literal(list(which), ARRAY(Uuid)))
    return and_(*conditions(scope, RunFilter(archived=back)), ids)


def _told(chosen: CTE, back: bool) -> CTE:
    """The run row is numbered with its line, as for every other."""
    return (
        update(run)
        .where(run.c.id.in_(select(chosen.c.id)))
        .values(
            archived_at=null() if back else func.clock_timestamp(),
            event_seq=run.c.event_seq + 1,
            updated_at=func.clock_timestamp(),
        )
        .returning(run.c.id, run.c.number, run.c.event_seq)
        .cte("told")
    )


async def _record(
    connection: AsyncConnection, scope: Scope, kind: str, moved: Sequence[Row[Any, Any]]
) -> None:
    if len(moved) == 1:
        await record(connection, scope, kind, "run", moved[0].id, f"#{moved[0].number}")
    else:
        await record(connection, scope, kind, "run", None, f"{len(moved)} runs")


async def _counted(connection: AsyncConnection, asked: ColumnElement[bool], done: int) -> Archiving:
    ended = run.c.finished_at.is_not(None)
    counts = select(func.count().filter(ended).label("left"), func.count().filter(~ended).label("under_way"))
    found = (await connection.execute(counts.select_from(run).where(asked))).one()
    letters = select(func.count()).where(
        dead_letter.c.state == "open", dead_letter.c.run_id.in_(select(run.c.id).where(asked, ended))
    )
    return Archiving(
        done=done,
        left=found.left,
        under_way=found.under_way,
        dead_letters=await connection.scalar(letters) or 0,
    )

"""Comments on a drawing: threads on a node, on a place of the canvas, or on the whole. A comment is no revision, and outlives
the node it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import Conflict, NotFound, NotYours
from runner.model import Role, Scope
from runner.store.audit import record
from runner.store.bell import Bell
from runner.tables import comment, orchestrator

TEXT_LIMIT = 4000
"""Characters of one comment."""
MOST = 1000
"""Comments on one orchestrator, answers and resolved ones included."""
_NOW = func.clock_timestamp()
# A row of their own, so that writing about a drawing never waits for somebody who saves it.
_LOCK = text(
    """
    INSERT INTO discussion (orchestrator_id)
    SELECT id FROM orchestrator WHERE id = :id AND workspace_id = :workspace_id AND deleted_at IS NULL
    ON CONFLICT (orchestrator_id) DO UPDATE SET changes = discussion.changes + 1
    RETURNING changes
    """
)


class Spot(Frozen):
    """A place of the canvas, in the drawing's own coordinates."""

    x: float = Field(ge=-1e7, le=1e7, allow_inf_nan=False)
    y: float = Field(ge=-1e7, le=1e7, allow_inf_nan=False)


class Comment(Frozen):
    """Plain text: nothing in it is markup. `editedDate` null: it stands as it was written. `own`: the asker wrote it."""

    id: UUID
    text: str
    created_by: str
    own: bool
    created_date: Timestamp
    edited_date: Timestamp | None


class Thread(Frozen):
    """A comment and the answers to it, oldest first; its id is that of the first. `nodeId` may name a node that is gone;
    without it and without `spot` the thread is about the whole drawing. `resolvedDate` null: it is open."""

    id: UUID
    node_id: str | None
    spot: Spot | None
    resolved_by: str | None
    resolved_date: Timestamp | None
    comments: tuple[Comment, ...]


class Comments:
    """Every method finds rows of the asker's workspace only, and raises NotFound for any other and for a deleted orchestrator.
    Changes of one orchestrator's comments happen one after the other."""

    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def page(
        self,
        scope: Scope,
        orchestrator_id: UUID,
        *,
        limit: int,
        before: UUID | None = None,
        state: Literal["open", "resolved"] | None = None,
        mine: bool = False,
        node_id: str | None = None,
    ) -> tuple[Thread, ...]:
        """Threads, newest first, each whole. `mine`: those in which the asker wrote; `node_id`: those on that node."""
        query = (
            select(comment)
            .where(comment.c.orchestrator_id == orchestrator_id, comment.c.thread_id.is_(None))
            .order_by(comment.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(comment.c.id < before)
        if state is not None:
            open_ = comment.c.resolved_at.is_(None)
            query = query.where(open_ if state == "open" else ~open_)
        if node_id is not None:
            query = query.where(comment.c.node_id == node_id)
        if mine:
            answer = comment.alias()
            answered = select(true()).where(answer.c.thread_id == comment.c.id, _of(scope, answer))
            query = query.where(or_(_of(scope, comment), answered.exists()))
        async with self._database.begin(scope) as connection:
            await _known(connection, scope, orchestrator_id)
            return await _threads(connection, scope, (await connection.execute(query)).all())

    async def create(
        self,
        scope: Scope,
        orchestrator_id: UUID,
        text: str,
        *,
        thread_id: UUID | None = None,
        node_id: str | None = None,
        spot: Spot | None = None,
    ) -> Thread:
        """A new thread, or an answer in `thread_id`; the whole thread. Raises Conflict, code comment-limit, over `MOST`."""
        async with self._database.begin(scope) as connection:
            await _lock(connection, scope, orchestrator_id)
            if thread_id is not None:
                thread_id = (await _one(connection, orchestrator_id, thread_id)).root
            counted = select(func.count()).where(comment.c.orchestrator_id == orchestrator_id)
            if (await connection.scalar(counted) or 0) >= MOST:
                raise Conflict(
                    f"There are {MOST:,} comments on this orchestrator, and no more at once.",
                    code="comment-limit",
                    hint="Delete threads that are resolved and no longer needed.",
                )
            made: UUID = (
                await connection.execute(
                    insert(comment)
                    .values(
                        workspace_id=scope.workspace_id,
                        orchestrator_id=orchestrator_id,
                        thread_id=thread_id,
                        node_id=node_id,
                        x=spot and spot.x,
                        y=spot and spot.y,
                        text=text,
                        created_by=scope.subject,
                        account_id=scope.account_id,
                    )
                    .returning(comment.c.id)
                )
            ).scalar_one()
            thread = await _thread(connection, scope, thread_id or made)
        self._bell.ring(orchestrator_id)
        return thread

    async def change(
        self,
        scope: Scope,
        orchestrator_id: UUID,
        comment_id: UUID,
        *,
        text: str | None = None,
        resolved: bool | None = None,
    ) -> Thread:
        """Another text for a comment of the asker's own (else NotYours), or its thread resolved or open again, by anybody. Of
        two who resolve, the first is named."""
        async with self._database.begin(scope) as connection:
            await _lock(connection, scope, orchestrator_id)
            found = await _one(connection, orchestrator_id, comment_id)
            if text is not None:
                _mine(scope, found)
                await connection.execute(
                    update(comment)
                    .where(comment.c.id == comment_id, comment.c.text != text)
                    .values(text=text, edited_at=_NOW)
                )
            if resolved is not None:
                by: dict[str, Any] = {"resolved_by": scope.subject, "resolved_at": _NOW}
                await connection.execute(
                    update(comment)
                    .where(comment.c.id == found.root, comment.c.resolved_at.is_(None) == resolved)
                    .values(**(by if resolved else dict.fromkeys(by)))
                )
            thread = await _thread(connection, scope, found.root)
        self._bell.ring(orchestrator_id)
        return thread

    async def delete(self, scope: Scope, orchestrator_id: UUID, comment_id: UUID) -> None:
        """Gone for good; with the first of a thread, the whole thread. Only its author (else NotYours) or an admin may, and its
        author only while nobody else has answered (else Conflict, code comment-answered). As nothing else is left of it, the
        audit log has a line."""
        async with self._database.begin(scope) as connection:
            await _lock(connection, scope, orchestrator_id)
            found = await _one(connection, orchestrator_id, comment_id)
            if scope.role is not Role.ADMIN:
                _mine(scope, found)
                others = select(true()).where(comment.c.thread_id == comment_id, ~_of(scope, comment))
                if await connection.scalar(others.limit(1)):
                    raise Conflict(
                        "Others have answered this comment, and their answers would go with it.",
                        code="comment-answered",
                        hint="Resolve the thread, change the text, or ask an admin to delete it.",
                    )
            await connection.execute(delete(comment).where(comment.c.id == comment_id))
            name = await connection.scalar(
                select(orchestrator.c.name).where(orchestrator.c.id == orchestrator_id)
            )
            await record(connection, scope, "comment.deleted", "orchestrator", orchestrator_id, name)
        self._bell.ring(orchestrator_id)


async def _known(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID) -> None:
    query = select(true()).where(
        orchestrator.c.id == orchestrator_id,
        orchestrator.c.workspace_id == scope.workspace_id,
        orchestrator.c.deleted_at.is_(None),
    )
    if not await connection.scalar(query):
        raise NotFound("There is no such orchestrator.")


async def _lock(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID) -> None:
    values = {"id": orchestrator_id, "workspace_id": scope.workspace_id}
    if await connection.scalar(_LOCK, values) is None:
        raise NotFound("There is no such orchestrator.")


async def _one(connection: AsyncConnection, orchestrator_id: UUID, comment_id: UUID) -> Any:
    """Its author, and the first comment of its thread."""
    query = select(
        comment.c.created_by,
        comment.c.account_id,
        func.coalesce(comment.c.thread_id, comment.c.id).label("root"),
    ).where(comment.c.orchestrator_id == orchestrator_id, comment.c.id == comment_id)
    if (found := (await connection.execute(query)).first()) is None:
        raise NotFound("There is no such comment.")
    return found


def _of(scope: Scope, table: Any) -> ColumnElement[bool]:
    """The asker wrote it: the account, or where there is none, whoever goes by that name."""
    if scope.account_id is not None:
        return table.c.account_id == scope.account_id
    return and_(table.c.account_id.is_(None), table.c.created_by == scope.subject)


def _is_own(scope: Scope, row: Any) -> bool:
    """`_of`, of a row that is here."""
    same = row.account_id == scope.account_id
    return same and (scope.account_id is not None or row.created_by == scope.subject)


def _mine(scope: Scope, row: Any) -> None:
    if not _is_own(scope, row):
        raise NotYours(
            f"This comment is {row.created_by}'s.",
            hint="Its author may change it, and an admin may delete it. Answer it instead.",
        )


async def _thread(connection: AsyncConnection, scope: Scope, thread_id: UUID) -> Thread:
    rows = (await connection.execute(select(comment).where(comment.c.id == thread_id))).all()
    return (await _threads(connection, scope, rows))[0]


async def _threads(connection: AsyncConnection, scope: Scope, firsts: Iterable[Any]) -> tuple[Thread, ...]:
    """Whole, in one more query."""
    said: dict[UUID, list[Any]] = {first.id: [first] for first in firsts}
    answers = select(comment).where(comment.c.thread_id.in_(said)).order_by(comment.c.id)
    for row in await connection.execute(answers):
        said[row.thread_id].append(row)
    return tuple(_wire(scope, rows) for rows in said.values())


def _wire(scope: Scope, rows: list[Any]) -> Thread:
    first = rows[0]
    return Thread(
        id=first.id,
        node_id=first.node_id,
        spot=None if first.x is None else Spot(x=first.x, y=first.y),
        resolved_by=first.resolved_by,
        resolved_date=first.resolved_at,
        comments=tuple(
            Comment(
                id=row.id,
                text=row.text,
                created_by=row.created_by,
                own=_is_own(scope, row),
                created_date=row.created_at,
                edited_date=row.edited_at,
            )
            for row in rows
        ),
    )

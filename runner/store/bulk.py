"""One act on many dead letters. It is a row that says how far it came: a piece is done in one transaction with that, so a
process that dies leaves it for the next one, and no letter is ever replayed twice."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import NotFound, RunnerError, Unreachable
from runner.model import Role, Scope
from runner.store.audit import record
from runner.store.bell import Bell
from runner.store.letters import LetterFilter, Letters, conditions
from runner.tables import dead_letter, dead_letter_bulk

PIECE = 20
"""Letters in one transaction."""
_PROBLEMS = 20
Act = Literal["replay", "drop"]


class LeftOpen(Frozen):
    """A letter that an act on many left as it was, and why."""

    letter_id: UUID
    code: str
    message: str


class Bulk(Frozen):
    """An act on all open letters that matched when it was asked for. `done` of them have been dealt with, `leftOpen` could not
    be, and the first 20 of those are `problems`; others were dealt with by somebody else meanwhile. `finishedDate` null: it
    goes on."""

    id: UUID
    act: Act
    matching: int
    done: int
    left_open: int
    problems: tuple[LeftOpen, ...]
    by: str
    reason: str
    created_date: Timestamp
    finished_date: Timestamp | None


class Bulks:
    def __init__(self, database: Database, letters: Letters, bell: Bell) -> None:
        self._database = database
        self._letters = letters
        self._bell = bell

    async def matching(self, scope: Scope, wanted: LetterFilter) -> int:
        """How many open letters an act would be about."""
        async with self._database.begin(scope) as connection:
            return (await _count(connection, scope, _open(wanted)))[0]

    async def ask(
        self,
        scope: Scope,
        act: Act,
        wanted: LetterFilter,
        *,
        latest: bool = False,
        acknowledged: bool = False,
        reason: str = "",
    ) -> Bulk:
        """Keep the act; `step` does it. Letters that come later are not meant."""
        wanted = _open(wanted)
        async with self._database.begin(scope) as connection:
            count, newest = await _count(connection, scope, wanted)
            values = {
                "workspace_id": scope.workspace_id,
                "act": act,
                "filter": wanted.model_dump(mode="json"),
                "latest": latest,
                "acknowledged": acknowledged,
                "by": scope.subject,
                "reason": reason,
                "upto": newest or UUID(int=0),
                "matching": count,
                "finished_at": None if count else func.clock_timestamp(),
            }
            made = dead_letter_bulk.insert().values(**values).returning(dead_letter_bulk)
            row = (await connection.execute(made)).one()
            await record(
                connection,
                scope,
                f"dead_letter.{act}_asked",
                "dead_letter",
                row.id,
                f"{count} letters",
                reason=reason,
            )
        return _bulk(row)

    async def one(self, scope: Scope, bulk_id: UUID) -> Bulk:
        """How far it came. Raises NotFound."""
        mine = (dead_letter_bulk.c.id == bulk_id, dead_letter_bulk.c.workspace_id == scope.workspace_id)
        async with self._database.begin(scope) as connection:
            row = (await connection.execute(select(dead_letter_bulk).where(*mine))).first()
        if row is None:
            raise NotFound("There is no such act on dead letters.")
        return _bulk(row)

    async def step(self) -> bool:
        """Do the next piece of the oldest act that nobody else is at. False: there was none.

        A letter that cannot be replayed is left open, and told; a fault of the database undoes the piece whole."""
        touched: list[UUID] = []
        async with self._database.begin() as connection:
            query = (
                select(dead_letter_bulk)
                .where(dead_letter_bulk.c.finished_at.is_(None))
                .order_by(dead_letter_bulk.c.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            bulk = (await connection.execute(query)).first()
            if bulk is None:
                return False
            scope = Scope(bulk.workspace_id, bulk.by, Role.OPERATOR)
            letters = await _next(connection, scope, bulk)
            problems: list[LeftOpen] = []
            for letter in letters:
                try:
                    async with (
                        connection.begin_nested()
                    ):  # a letter that is left open leaves nothing else behind
                        touched += await self._act(connection, scope, bulk, letter)
                except Unreachable:
                    raise
                except RunnerError as error:
                    problems.append(
                        LeftOpen(letter_id=letter.id, code=error.code, message=_words(error.message))
                    )
            told = [*bulk.problems, *(p.model_dump(mode="json") for p in problems)][:_PROBLEMS]
            over = len(letters) < PIECE
            await connection.execute(
                update(dead_letter_bulk)
                .where(dead_letter_bulk.c.id == bulk.id)
                .values(
                    position=letters[-1].id if letters else bulk.position,
                    done=dead_letter_bulk.c.done + len(letters) - len(problems),
                    left_open=dead_letter_bulk.c.left_open + len(problems),
                    problems=told,
                    finished_at=func.clock_timestamp() if over else None,
                )
            )
        self._bell.ring(*touched, work=True)
        return True

    async def _act(self, connection: AsyncConnection, scope: Scope, bulk: Any, letter: Any) -> list[UUID]:
        if bulk.act == "drop":
            await self._letters.discard(connection, scope, letter, bulk.reason)
            return [letter.run_id]
        if letter.callback_id is not None:
            return [await self._letters.give(connection, scope, letter, None, bulk.reason)]
        made = await self._letters.begin(
            connection,
            scope,
            letter,
            latest=bulk.latest,
            acknowledged=bulk.acknowledged,
            reason=bulk.reason,
        )
        return [letter.run_id, made]


async def _next(connection: AsyncConnection, scope: Scope, bulk: Any) -> list[Any]:
    """The next piece, locked. One that somebody takes meanwhile is not open any more when its turn comes."""
    query = (
        select(dead_letter)
        .where(*conditions(scope, LetterFilter.model_validate(bulk.filter)))
        .where(dead_letter.c.id <= bulk.upto)
        .order_by(dead_letter.c.id)
        .limit(PIECE)
        .with_for_update()
    )
    if bulk.position is not None:
        query = query.where(dead_letter.c.id > bulk.position)
    return list((await connection.execute(query)).all())


async def _count(connection: AsyncConnection, scope: Scope, wanted: LetterFilter) -> tuple[int, UUID | None]:
    matching = select(dead_letter.c.id).where(*conditions(scope, wanted))
    newest = matching.order_by(dead_letter.c.id.desc()).limit(1)
    count = await connection.scalar(select(func.count()).select_from(matching.subquery()))
    return count or 0, await connection.scalar(newest)


def _open(wanted: LetterFilter) -> LetterFilter:
    return wanted.model_copy(update={"state": "open"})


def _bulk(row: Any) -> Bulk:
    return Bulk(
        id=row.id,
        act=row.act,
        matching=row.matching,
        done=row.done,
        left_open=row.left_open,
        problems=tuple(LeftOpen.model_validate(p) for p in row.problems),
        by=row.by,
        reason=row.reason,
        created_date=row.created_at,
        finished_date=row.finished_at,
    )


def _words(message: str) -> str:
    return message[:1].upper() + message[1:]

"""Group commit: the same statement of many runs, sent and committed together.

While one batch is on its way the next gathers, so a statement that comes alone leaves at once, and under load a commit is
shared by as many as were ready meanwhile. Nothing waits for company.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import asyncpg
from sqlalchemy import BindParameter, text

from runner.database import Database, Row
from runner.errors import Contended, Unreachable
from runner.model import Scope

MOST = 64
"""Statements in one commit."""
_TRIES = 3


class Query:
    """SQL with `:names`: as `text`, in the numbered form that asyncpg takes, and as `clause`, for a transaction of SQLAlchemy's.
    `binds` and `columns` say there which values are JSON or arrays."""

    def __init__(self, sql: str, *binds: BindParameter[Any], **columns: Any) -> None:
        self.clause = text(sql).bindparams(*binds).columns(**columns)
        self.names: list[str] = []
        self.text = re.sub(r"(?<![:\w]):([a-z_]+)", self._numbered, sql)

    def _numbered(self, found: re.Match[str]) -> str:
        if found[1] not in self.names:
            self.names.append(found[1])
        return f"${self.names.index(found[1]) + 1}"

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        return [values[name] for name in self.names]

    async def rows(self, database: Database, scope: Scope | None = None, /, **values: Any) -> list[Row]:
        """Sent alone, a transaction of its own; with `scope`, one that sees that workspace only. Raises Unreachable."""
        async with database.fast(scope) as connection:
            return await self.on(connection, **values)

    async def on(self, connection: Any, /, **values: Any) -> list[Row]:
        """On a connection of `Database.fast`."""
        return await connection.fetch(self.text, *self.arguments(values))


@dataclass(order=True)
class _Asked:
    key: str  # batches lock rows in this order, so that two of them never wait for each other in a circle
    arguments: list[list[Any]] = field(compare=False)
    answer: asyncio.Future[list[Any]] = field(compare=False)


class Batch:
    """One query that gives exactly one row, asked for by many tasks. A fault of one never touches the others: they are
    written again without it. `reserved`: on connections that load elsewhere never keeps busy."""

    def __init__(self, database: Database, query: Query, *, reserved: bool = False) -> None:
        self._database = database
        self._reserved = reserved
        self._query = query
        self._waiting: list[_Asked] = []
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, key: str, values: Mapping[str, Any]) -> Any:
        """The row. When this returns, it is committed. `key` orders the batch: the id of the row that is locked first.
        Raises Unreachable: then nobody knows."""
        return (await self.all(key, [values]))[0]

    async def all(self, key: str, values: Sequence[Mapping[str, Any]]) -> list[Any]:
        """A row for each of these, asked one after the other in one transaction."""
        arguments = [self._query.arguments(each) for each in values]
        asked = _Asked(key, arguments, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        return await asked.answer

    async def _send_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                await self._send(sorted(batch))
            except Exception as error:
                _fail(batch, error)
            except asyncio.CancelledError:
                batch, self._waiting = batch + self._waiting, []
                _fail(batch, Unreachable("this process is stopping"))
                raise

    async def _send(self, batch: list[_Asked], tries: int = _TRIES) -> None:
        try:
            async with self._database.fast(reserved=self._reserved) as connection:
                sent = [arguments for asked in batch for arguments in asked.arguments]
                rows: Iterator[Any] = iter(await connection.fetchmany(self._query.text, sent))
        except (asyncpg.PostgresError, asyncpg.DataError, Contended) as error:
            if len(batch) > 1:
                for asked in batch:
                    await self._send([asked])
            elif tries and isinstance(error, Contended):
                await self._send(batch, tries - 1)
            else:
                _fail(batch, error)
            return
        for asked in batch:
            found = list(islice(rows, len(asked.arguments)))
            if not asked.answer.done():
                asked.answer.set_result(found)


def _fail(batch: list[_Asked], error: Exception) -> None:
    for asked in batch:
        if not asked.answer.done():
            asked.answer.set_exception(error)

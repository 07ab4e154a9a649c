"""The one door to Postgres: transactions, and what the driver's faults mean to us."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from runner.errors import Unreachable

_asyncpg: Any = asyncpg  # its functions carry no usable types


_GONE = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    OSError,
    # Raised past SQLAlchemy, where jobs are enqueued on the driver's own connection.
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)


class Database:
    """A pool of connections. `reserve` is a second, small pool for callbacks: load elsewhere never keeps them out."""

    def __init__(self, url: str, *, size: int = 10, reserve: int = 6) -> None:
        self.url = url
        self._engine = _engine(url, size)
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._reserved = _engine(url, reserve) if reserve else self._engine

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    async def aclose(self) -> None:
        await self._engine.dispose()
        if self._reserved is not self._engine:
            await self._reserved.dispose()

    @asynccontextmanager
    async def begin(self, *, reserved: bool = False) -> AsyncGenerator[AsyncConnection]:
        """One transaction, committed when the block ends. Raises Unreachable when the database cannot be had; then nothing
        was written, unless the fault came from the commit itself, whose outcome nobody knows."""
        async with _told(), (self._reserved if reserved else self._engine).begin() as connection:
            yield connection

    @asynccontextmanager
    async def single(self) -> AsyncGenerator[AsyncConnection]:
        """For statements that are each a transaction of their own: two round trips less. Raises Unreachable."""
        async with _told(), self._single.connect() as connection:
            yield connection

    async def raw_pool(self, size: int) -> Any:
        """An asyncpg pool of its own, for the dispatcher. The caller ends it."""
        try:
            # The dispatcher leaves nothing behind on a connection, so resetting one after each statement is a round trip for nothing.
            return await _asyncpg.create_pool(
                min_size=0, max_size=size, timeout=10, reset=_leave_as_it_is, **self._address()
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise Unreachable("the database does not answer") from error

    async def raw(self) -> Any:
        """A connection of its own outside the pools, for LISTEN. The caller closes it."""
        try:
            return await _asyncpg.connect(timeout=10, **self._address())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise Unreachable("the database does not answer") from error

    def _address(self) -> dict[str, Any]:
        """What SQLAlchemy's dialect would hand to asyncpg, TLS included."""
        _, found = self._engine.dialect.create_connect_args(self._engine.url)
        return {name: value for name, value in found.items() if not name.startswith(("prepared_", "async_"))}


@asynccontextmanager
async def _told() -> AsyncGenerator[None]:
    """What the driver's faults mean to us."""
    try:
        yield
    except _GONE as error:
        raise Unreachable(
            "the database does not answer", hint="Nothing was changed. Try again in a moment."
        ) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unreachable(
                "the connection to the database broke", hint="Try again in a moment."
            ) from error
        raise


async def _leave_as_it_is(_connection: object) -> None:
    pass


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _engine(url: str, size: int) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=False,
        pool_recycle=1800,
        hide_parameters=True,
        json_serializer=_dumps,
        connect_args={"timeout": 10},
    )


async def driver(connection: AsyncConnection) -> Any:
    """The asyncpg connection under a SQLAlchemy one, inside its transaction.

    SQLAlchemy's dialect begins its transaction at its first own statement; whatever is done here before that would commit
    by itself and survive a rollback. Hence the check.
    """
    raw: Any = (await connection.get_raw_connection()).driver_connection
    assert raw.is_in_transaction(), "state is written first, then the job is enqueued"
    return raw

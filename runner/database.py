"""The one door to Postgres: transactions, the wall between workspaces, and what the driver's faults mean to us.

What is done for somebody in a workspace is done as a role of Postgres's that owns nothing and is shown the rows of that workspace
alone (ADR 17); what crosses workspaces by its nature (who signs in, the engine, upkeep) is done as the owner of the tables.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from runner.errors import Contended, Unreachable
from runner.model import Scope

_asyncpg: Any = asyncpg  # its functions carry no usable types


_GONE = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    OSError,
    # Raised past SQLAlchemy, by `fast`.
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke in the middle of something
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
)
ROLE = "left(session_user, 59) || '_web'"
"""The role's name, in SQL. Nobody signs in as it. Each user of the database has one, so that installations in one cluster share none."""
_AS_ROLE = f"set_config('role', {ROLE}, {{local}})"
_NO_ROLE = {"22023", "42501"}
"""What Postgres says of a role that is not there, and of one that is not for us."""
_MAY_READ = "SELECT coalesce(has_table_privilege(to_regclass('run'), 'SELECT'), false)"
ANSWER = 15.0
"""Seconds for which one statement is waited for."""
_COLLIDED: Any = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_AGAIN = "Try again in a moment. Whether a change that was under way was made is not known; under an Idempotency-Key it is made once."
T = TypeVar("T")


class Database:
    """Pools of connections, `size` in all, two fifths of them for what is done in a workspace. `reserve` is a small pool more for
    callbacks (`reserved`): load elsewhere never keeps them out.

    `answer`: after so many seconds without the end of a statement its connection is given up, for one whose other end has
    gone without a word would be waited for without end (G15). None: never, for statements that take long."""

    def __init__(self, url: str, *, size: int = 10, reserve: int = 6, answer: float | None = ANSWER) -> None:
        self.url = url
        self._answer = answer
        inside = max(1, size * 2 // 5)
        self._engine = _engine(url, max(1, size - inside), answer)
        self._inside = _engine(url, inside, answer)
        self._reserved = _engine(url, reserve, answer) if reserve else self._engine
        self._steps = _Steps(self._address(), size=4)
        self._inside_steps = _Steps(self._address(), size=2)
        self._reserved_steps = _Steps(self._address(), size=2) if reserve else self._steps

        self._walled: bool | None = None
        self._looking = asyncio.Lock()

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    @property
    def engines(self) -> tuple[AsyncEngine, ...]:
        """Of the owner, and of what is done in a workspace."""
        return self._engine, self._inside

    async def aclose(self) -> None:
        for steps in {self._steps, self._inside_steps, self._reserved_steps}:
            await steps.aclose()
        for engine in {self._engine, self._inside, self._reserved}:
            await engine.dispose()

    @asynccontextmanager
    async def begin(
        self, scope: Scope | None = None, *, reserved: bool = False
    ) -> AsyncGenerator[AsyncConnection]:
        """One transaction, committed when the block ends. With `scope` it sees and writes rows of that workspace only, whatever
        its statements ask for. Raises Unreachable when the database cannot be had; then nothing was written, unless the fault
        came from the commit itself, whose outcome nobody knows."""
        if scope is None:
            async with _told(), (self._reserved if reserved else self._engine).begin() as connection:
                yield connection
            return
        walled = await self.walled()
        async with _told(), self._inside.connect() as connection:
            try:
                session: Any = (await connection.get_raw_connection()).driver_connection
                await session.enter(scope.workspace_id, walled)
            except BaseException:  # the pool would hand a broken one out again
                await connection.invalidate()
                raise
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def fast(self, scope: Scope | None = None, *, reserved: bool = False) -> AsyncGenerator[Any]:
        """An asyncpg connection, for the few statements that every step of a run and every call needs: each is a transaction of
        its own, and `fetchmany` makes one of many. Rows are `Row`; jsonb comes and goes as Python values. `scope` as in `begin`.
        Raises Unreachable."""
        if scope is None:
            async with _told(), (self._reserved_steps if reserved else self._steps).acquire() as connection:
                yield connection
            return
        walled = await self.walled()
        async with _told(), self._inside_steps.acquire() as connection:
            await connection.enter(scope.workspace_id, walled)
            yield connection

    async def walled(self) -> bool:
        """Whether row security holds for what is done in a workspace. False where this user of the database may not act as
        that role: then there is the first wall alone, the condition in every query. Looked up once, so a change counts from the
        next start on. Raises Unreachable."""
        if self._walled is None:
            async with self._looking:
                if self._walled is None:
                    self._walled = await self._looked()
        return self._walled

    async def _looked(self) -> bool:
        async with _told(), self._engine.connect() as connection:
            try:
                await connection.execute(text(f"SELECT {_AS_ROLE.format(local=True)}"))
                return bool(await connection.scalar(text(_MAY_READ)))
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _NO_ROLE:
                    raise
                return False

    async def raw(self) -> Any:
        """A connection of its own outside the pools, for LISTEN. The caller closes it."""
        try:
            return await _asyncpg.connect(timeout=10, **self._address())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise Unreachable("the database does not answer") from error

    def _address(self) -> dict[str, Any]:
        """What SQLAlchemy's dialect would hand to asyncpg, TLS included."""
        _, found = self._engine.dialect.create_connect_args(self._engine.url)
        left_out = ("prepared_", "async_")
        kept = {name: value for name, value in found.items() if not name.startswith(left_out)}
        return kept | {"command_timeout": self._answer}


async def persistent(
    call: Callable[[], Awaitable[T]], seconds: float, of: type[Unreachable] = Unreachable
) -> T:
    """`call` again and again while it fails `of` this, for `seconds`; then it fails so. Only for what may be repeated."""
    until = time.monotonic() + seconds
    while True:
        try:
            return await call()
        except of:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)


@asynccontextmanager
async def _told() -> AsyncGenerator[None]:
    """What the driver's faults mean to us."""
    try:
        yield
    except asyncpg.DataError:  # the client's own: a value that cannot be sent, no fault of the connection
        raise
    except _COLLIDED as error:
        raise Contended("two changes met", hint="Nothing was changed. Try again.") from error
    except _GONE as error:
        raise Unreachable("the database does not answer", hint=_AGAIN) from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in {kind.sqlstate for kind in _COLLIDED}:
            raise Contended("two changes met", hint="Nothing was changed. Try again.") from error
        if error.connection_invalidated or isinstance(getattr(error.orig, "__cause__", None), _GONE):
            # The second while Postgres starts or stops: for SQLAlchemy an error like any other.
            raise Unreachable("the connection to the database broke", hint=_AGAIN) from error
        raise


class Session(asyncpg.Connection):
    """A connection that knows which workspace it is in."""

    inside: UUID | None = None

    async def enter(self, workspace_id: UUID, walled: bool) -> None:
        """From now on it is in that workspace, as that role where there is the wall. Asks nothing where it is there already. Outside of
        a transaction only, for a rollback would take it back."""
        if self.inside == workspace_id:
            return
        self.inside = None  # of a try that breaks off nobody knows where it ended
        role = f"{_AS_ROLE.format(local=False)}, " if walled else ""
        itself: Any = self
        await itself.execute(f"SELECT {role}set_config('baton.workspace', '{workspace_id}', false)")
        self.inside = workspace_id


class Row(asyncpg.Record):
    """A row of `fast`: columns by attribute, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class _Steps:
    """The pool behind `fast`, made at its first use in the loop that uses it."""

    def __init__(self, address: dict[str, Any], size: int) -> None:
        self._address = address
        self._size = size
        self._pool: Any = None
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator[Any]:
        async with self._making:
            if self._pool is None:
                self._pool = await _asyncpg.create_pool(
                    min_size=0,
                    max_size=self._size,
                    timeout=10,
                    init=_prepare,
                    reset=_leave_as_it_is,
                    record_class=Row,
                    connection_class=Session,
                    **self._address,
                )
        async with self._pool.acquire(timeout=10) as connection:
            yield connection

    async def aclose(self) -> None:
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 2)
            except (TimeoutError, OSError, asyncpg.InterfaceError):
                self._pool.terminate()
            self._pool = None


async def _prepare(connection: Any) -> None:
    """Each statement is planned once: left to itself, Postgres plans the long ones anew each time, which costs it more than
    they do. A plan made while a table is small must hold when it is large, so it always goes by an index."""
    await connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_dumps, decoder=json.loads, format="text"
    )


async def _leave_as_it_is(_connection: object) -> None:
    """A statement that is its own transaction leaves nothing behind; resetting would be a round trip for nothing."""


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _engine(url: str, size: int, answer: float | None) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=False,
        pool_recycle=1800,
        hide_parameters=True,
        json_serializer=_dumps,
        connect_args={"timeout": 10, "command_timeout": answer, "connection_class": Session},
    )

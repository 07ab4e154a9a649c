"""The database of a command: the one it is given, else the embedded one, whoever runs it; checked and migrated."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.migrate import upgrade
from app.parts import database_url
from app.postgres import EmbeddedPostgres, refuse_unsafe
from app.revisions import MAX_NUMBER
from app.settings import Settings, StartRefused

Commands = Any
"""argparse's collection of subcommands, whose class is private there."""
Command = Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, int]]


@dataclass(frozen=True)
class Opened:
    """`settings.database_url` is set. `alone`: this process runs the embedded Postgres, so nobody else is at work on it."""

    settings: Settings
    alone: bool


def number(text: str) -> int:
    """A revision's number, of an argument."""
    if text.isascii() and text.isdigit() and 0 < int(text) <= MAX_NUMBER:
        return int(text)
    raise argparse.ArgumentTypeError("it is not the number of a revision")


def user() -> str:
    """Who sits at this command line, by the system's word."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


@asynccontextmanager
async def opened(
    settings: Settings, *, attach: bool = True, migrate: bool = True, wait: float = 30.0
) -> AsyncGenerator[Opened]:
    """A database that answers, is safe, and (with `migrate`) has the newest schema. `attach=False`: own the embedded Postgres,
    waiting up to `wait` seconds for another owner to leave. Raises StartRefused."""
    async with AsyncExitStack() as stack:
        alone = False
        if settings.database_url is None:
            postgres = EmbeddedPostgres(settings.data_dir, attach=attach, wait=wait)
            url = await stack.enter_async_context(postgres)
            settings, alone = settings.model_copy(update={"database_url": SecretStr(url)}), postgres.owner
        url = database_url(settings)
        await _answers(url)
        if migrate:
            await upgrade(url)
        yield Opened(settings, alone)


async def _answers(url: str) -> None:
    where = make_url(url)
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": 10})
    try:
        async with asyncio.timeout(15), engine.connect() as connection:
            await refuse_unsafe(connection)
    except (OSError, TimeoutError, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StartRefused(
            f"The database {where.database} at {where.host or 'its socket'} does not answer: "
            f"{str(cause).splitlines()[0] if str(cause) else type(cause).__name__}."
        ) from error
    finally:
        await engine.dispose()

"""Bring a database to the newest schema; safe to call from every process that starts."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

import migrations
from app.row_security import GRANTS

LOCK = 0x6261746F6E  # "baton"; the advisory lock that one migrating process holds


def config() -> Config:
    """Alembic's settings, the scripts found beside the installed package and not by the working folder."""
    made = Config()
    made.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return made


async def upgrade(url: str, revision: str = "head") -> None:
    """Run the missing migrations, each in its own transaction, and give the role of row security its rights, all under one
    advisory lock of the database.

    The lock is tried and not waited for in the server: a waiting statement would hold a snapshot and with it
    `CREATE INDEX CONCURRENTLY`. It belongs to the session, so a killed process frees it.
    """
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            while not (await connection.execute(text(f"SELECT pg_try_advisory_lock({LOCK})"))).scalar_one():
                await connection.rollback()
                await asyncio.sleep(0.1)
            await connection.commit()
            await connection.run_sync(_upgrade, revision)
            await connection.commit()
            await connection.execute(text(GRANTS))
            await connection.commit()
            await connection.execute(text(f"SELECT pg_advisory_unlock({LOCK})"))
            await connection.commit()
    finally:
        await engine.dispose()


async def pending(url: str) -> bool:
    """True while the database lacks a migration that this release has (`/readyz`, `baton check`)."""
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_pending)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, revision)


def _pending(connection: Connection) -> bool:
    wanted = set(ScriptDirectory.from_config(config()).get_heads())
    return set(MigrationContext.configure(connection).get_current_heads()) != wanted

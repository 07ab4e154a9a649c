"""The schema: made once however many processes start, and the same as the tables the code speaks of."""

import asyncio
from typing import cast

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.migrate import pending, upgrade
from runner.tables import metadata


async def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    assert await pending(empty_database_url)
    await asyncio.gather(*(upgrade(empty_database_url) for _ in range(4)))
    assert not await pending(empty_database_url)


async def test_the_migrations_make_the_tables_of_the_code(database_url: str) -> None:
    """Tables and columns; what autogenerate cannot see (triggers, partial indexes' conditions) has tests of its own."""

    def differences(connection: Connection) -> list[str]:
        found = cast(list[object], compare_metadata(MigrationContext.configure(connection), metadata))
        return [
            line for line in map(repr, found) if not line.startswith("('remove_") or "pgqueuer" not in line
        ]

    engine = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await engine.dispose()

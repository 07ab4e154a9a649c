"""The schema: made once however many processes start, and the same as the tables the code speaks of."""

import asyncio
from typing import cast

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
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
        return list(map(repr, found))

    engine = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await engine.dispose()


async def test_callbacks_of_before_know_their_run_afterwards(empty_database_url: str) -> None:
    """0002 fills a column of a table whose rows nobody may change, and leaves the guard as it was."""
    await upgrade(empty_database_url, "0001")
    engine = create_async_engine(empty_database_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            run_id = (await connection.execute(text(_ONE_CALLBACK))).scalar_one()
        await upgrade(empty_database_url)
        async with engine.begin() as connection:
            row = (await connection.execute(text("SELECT run_id, sender, early FROM callback_audit"))).one()
            assert tuple(row) == (run_id, None, False)
        with pytest.raises(DBAPIError, match="append-only"):
            async with engine.begin() as connection:
                await connection.execute(text("UPDATE callback_audit SET sender = 'x'"))
    finally:
        await engine.dispose()


_ONE_CALLBACK = """
    WITH w AS (SELECT id FROM workspace), o AS (
        INSERT INTO orchestrator (workspace_id, name, revision, created_by) SELECT id, 'x', 1, 'x' FROM w RETURNING *
    ), v AS (
        INSERT INTO orchestrator_revision (orchestrator_id, revision, definition, created_by)
        SELECT id, 1, '{}', 'x' FROM o
    ), r AS (
        INSERT INTO run (workspace_id, orchestrator_id, revision, state, inputs, trigger_kind, trigger_by)
        SELECT workspace_id, id, 1, 'WAITING', '{}', 'api', 'x' FROM o RETURNING *
    ), n AS (
        INSERT INTO node_run (run_id, node_id, type, label) SELECT id, 'a', 'WaitForCallback', 'a' FROM r RETURNING *
    ), armed AS (
        INSERT INTO wait (node_run_id, workspace_id, run_id, token_sha256) SELECT n.id, w.id, n.run_id, 'x' FROM n, w
    ), audited AS (
        INSERT INTO callback_audit (node_run_id, verdict) SELECT id, 'gone' FROM n
    ) SELECT id FROM r
"""

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
from runner.model import Role
from runner.store.minted import CODE, SESSION, TOKEN, hashed, mint
from runner.tables import metadata
from tests.factories import open_store


async def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    assert await pending(empty_database_url)
    await asyncio.gather(*(upgrade(empty_database_url) for _ in range(4)))
    assert not await pending(empty_database_url)


def differences(connection: Connection) -> list[str]:
    """What the tables of the database have otherwise than those of the code."""
    found = cast(list[object], compare_metadata(MigrationContext.configure(connection), metadata))
    return list(map(repr, found))


async def test_the_migrations_make_the_tables_of_the_code(database_url: str) -> None:
    """Tables and columns; what autogenerate cannot see (triggers, partial indexes' conditions) has tests of its own."""
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
            run_id = (await connection.execute(text(ONE_CALLBACK))).scalar_one()
        await upgrade(empty_database_url)
        async with engine.begin() as connection:
            row = (await connection.execute(text("SELECT run_id, sender, early FROM callback_audit"))).one()
            assert tuple(row) == (run_id, None, False)
        with pytest.raises(DBAPIError, match="append-only"):
            async with engine.begin() as connection:
                await connection.execute(text("UPDATE callback_audit SET sender = 'x'"))
    finally:
        await engine.dispose()


ONE_CALLBACK = """
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


async def test_who_was_signed_in_before_there_were_accounts_still_is(empty_database_url: str) -> None:
    """0009 makes an account of each subject, with the highest role it had in a workspace; codes and tokens go on, too."""
    await upgrade(empty_database_url, "0008")
    session, weak, code, token = mint(SESSION), mint(SESSION), mint(CODE), mint(TOKEN)
    engine = create_async_engine(empty_database_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            for secret, subject, role in ((weak, "owner", "viewer"), (session, "owner", "admin")):
                await connection.execute(
                    text(
                        "INSERT INTO session (sha256, workspace_id, role, subject, expires_at) SELECT :sha256, id, :role, "
                        ":subject, clock_timestamp() + interval '1 day' FROM workspace"
                    ),
                    {"sha256": hashed(secret), "role": role, "subject": subject},
                )
            await connection.execute(
                text(
                    "INSERT INTO sign_in_code (sha256, workspace_id, role, subject, expires_at) SELECT :sha256, id, 'editor', "
                    "'ann', clock_timestamp() + interval '1 day' FROM workspace"
                ),
                {"sha256": hashed(code)},
            )
            await connection.execute(
                text(
                    "INSERT INTO api_token (sha256, workspace_id, role, name) SELECT :sha256, id, 'operator', 'ci' FROM workspace"
                ),
                {"sha256": hashed(token)},
            )
    finally:
        await engine.dispose()
    await upgrade(empty_database_url)
    async with open_store(empty_database_url) as store:
        for secret in (session, weak):
            owner = await store.sessions.by_secret(secret)
            assert owner is not None and (owner.subject, owner.role) == ("owner", Role.ADMIN)
        ann = await store.sessions.by_secret(await store.access.redeem(code) or "")
        assert ann is not None and (ann.subject, ann.role) == ("ann", Role.EDITOR)
        program = await store.access.by_token(token)
        assert program is not None and (program.subject, program.role) == ("token:ci", Role.OPERATOR)
        again = await store.sessions.by_secret(
            await store.access.redeem(await store.access.create_code()) or ""
        )
        assert again is not None and again.account_id == owner.account_id
        profile = await store.accounts.profile(again)
        assert profile is not None and profile.owner

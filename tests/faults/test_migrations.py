"""`baton migrate` killed before each of its statements and commits, and started again: it ends right, with what was there."""

from __future__ import annotations

import signal

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.migrate import pending, upgrade
from tests.app.test_migrate import ONE_CALLBACK, differences
from tests.faults.nursery import Nursery

_SCHEMA = text("""
    SELECT md5(string_agg(what, ';' ORDER BY what)) FROM (
        SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS what
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ) all_of_it""")


async def asked(engine: AsyncEngine, query: str) -> str:
    async with engine.connect() as connection:
        return (await connection.execute(text(query))).scalar_one()


@pytest.mark.timeout(300)
async def test_a_migration_that_dies_anywhere_ends_right_the_next_time(
    bench_nursery: Nursery, empty_database_url: str, database_url: str
) -> None:
    await upgrade(empty_database_url, "0001")
    engine = create_async_engine(empty_database_url, poolclass=NullPool)
    straight = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            run_id = (await connection.execute(text(ONE_CALLBACK))).scalar_one()
        version, at, deaths = "0001", 0, 0
        with bench_nursery.cleared():
            while True:
                at += 1
                code = await bench_nursery.start({"url": empty_database_url, "migrate": at}).end(60)
                if code == 0:
                    break
                assert code == -signal.SIGKILL
                deaths += 1
                # Each migration is one transaction: what a death leaves is the schema of a version, whole.
                if (now := await asked(engine, "SELECT version_num FROM alembic_version")) != version:
                    assert now > version
                    version, at = now, 0
        assert deaths > 60
        assert not await pending(empty_database_url)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
            made = (await connection.execute(_SCHEMA)).scalar_one()
            row = (await connection.execute(text("SELECT run_id, early FROM callback_audit"))).one()
            assert tuple(row) == (run_id, False)
        async with straight.connect() as connection:
            assert (await connection.execute(_SCHEMA)).scalar_one() == made
    finally:
        await engine.dispose()
        await straight.dispose()

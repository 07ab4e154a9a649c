"""The role that row security needs: made where Baton's user may, else said how, and what holds without it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url, text

from app.migrate import upgrade
from app.row_security import missing
from tests.factories import make_graph, make_workspace, open_store

_asyncpg: Any = asyncpg
_numbers = count()
Administer = Callable[[str], Coroutine[Any, Any, None]]


@pytest.fixture
async def user() -> str:
    return f"someone{next(_numbers)}"


@asynccontextmanager
async def owned_by(url: str, user: str, abilities: str = "") -> AsyncGenerator[tuple[str, Administer]]:
    """The database, empty, is that user's, who may not administer the cluster."""
    where = make_url(url)
    administrator = await _asyncpg.connect(
        host=where.query["host"], user=where.username, database=where.database
    )
    try:
        await administrator.execute(f"CREATE ROLE {user} LOGIN {abilities}")
        await administrator.execute(f'ALTER DATABASE "{where.database}" OWNER TO {user}')
        yield where.set(username=user).render_as_string(hide_password=False), administrator.execute
    finally:
        for role in (f"{user}_web", user):
            if await administrator.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await administrator.execute(f"DROP OWNED BY {role} CASCADE")
        await administrator.execute(f'ALTER DATABASE "{where.database}" OWNER TO CURRENT_USER')
        await administrator.execute(f"DROP ROLE IF EXISTS {user}_web")
        await administrator.execute(f"DROP ROLE {user}")
        await administrator.close()


async def works(url: str) -> bool:
    """An orchestrator of one workspace is saved and found there, and nowhere else. Whether row security holds."""
    async with open_store(url) as store:
        scope = await store.access.scope("test")
        await make_workspace(store, f"another {next(_numbers)}")
        made = await store.orchestrators.create(scope, "made", "", make_graph("A>B"))
        assert made.id in {each.id for each in await store.orchestrators.page(scope, limit=10)}
        async with store.database.begin(scope) as connection:
            count = await connection.scalar(text("SELECT count(*) FROM workspace"))
        walled = await store.database.walled()
        assert walled is (count == 1)
        return walled


async def test_a_user_who_may_make_roles_gets_it_at_the_first_start(
    empty_database_url: str, user: str
) -> None:
    async with owned_by(empty_database_url, user, "CREATEROLE") as (url, _):
        await upgrade(url)
        assert await works(url)
        async with open_store(url) as store:
            assert await missing(store.database) is None


async def test_without_it_the_first_wall_stands_and_an_administrator_is_told_what_to_do(
    empty_database_url: str, user: str
) -> None:
    async with owned_by(empty_database_url, user) as (url, administer):
        await upgrade(url)
        assert not await works(url)
        async with open_store(url) as store:
            words = await missing(store.database)
        assert words is not None
        todo = re.findall(r"(?:CREATE ROLE|GRANT) [^;]+;", words)
        assert len(todo) == 2
        for statement in todo:
            await administer(statement)
        assert not await works(url)  # it has no rights yet: those come with the next start
        await upgrade(url)
        assert await works(url)


async def test_a_restart_gives_rights_that_a_restored_backup_lacks(
    empty_database_url: str, user: str
) -> None:
    async with owned_by(empty_database_url, user, "CREATEROLE") as (url, administer):
        await upgrade(url)
        await administer(f"DROP OWNED BY {user}_web; DROP ROLE {user}_web")
        assert not await works(url)
        await upgrade(url)
        assert await works(url)

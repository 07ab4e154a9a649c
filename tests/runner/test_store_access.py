"""Tokens, codes and sessions as rows: only hashes are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import text

from runner.errors import NotFound
from runner.model import Role
from runner.store import Store
from runner.store.minted import TOKEN, mint
from tests.factories import make_workspace, open_store


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as found:
        yield found


async def test_a_token_is_found_by_its_hash_and_stored_nowhere(store: Store) -> None:
    token = await store.access.create_token("ci", Role.OPERATOR)
    scope = await store.access.by_token(token)
    assert scope is not None and (scope.subject, scope.role) == ("token:ci", Role.OPERATOR)
    code = await store.access.create_code()
    secret = await store.access.redeem(code)
    assert secret is not None
    async with store.database.begin() as connection:
        for table in ("api_token", "sign_in_code", "session"):
            rows = (await connection.execute(text(f"SELECT t::text FROM {table} t"))).scalars().all()
            assert rows
            for kept in rows:
                for canary in (token, code, secret):
                    assert canary not in kept and canary.encode().hex() not in kept
    assert await store.access.by_token(mint(TOKEN)) is None
    assert await store.access.by_token(code) is None


async def test_a_token_ends_by_time_or_by_revocation(store: Store) -> None:
    scope = await store.access.scope("test")
    short = await store.access.create_token("short", Role.VIEWER, lifetime=timedelta(0))
    assert await store.access.by_token(short) is None
    lasting = await store.access.create_token("lasting", Role.VIEWER, lifetime=timedelta(days=1))
    assert await store.access.by_token(lasting) is not None
    known = {token.name: token for token in await store.access.tokens(scope)}
    assert known["lasting"].last_used_date is not None and known["short"].last_used_date is None
    await store.access.revoke_token(scope, known["lasting"].id)
    await store.access.revoke_token(scope, known["lasting"].id)
    assert await store.access.by_token(lasting) is None
    await make_workspace(store, "other")
    stranger = await store.access.scope("x", workspace_name="other")
    assert await store.access.tokens(stranger) == ()
    with pytest.raises(NotFound):
        await store.access.revoke_token(stranger, known["lasting"].id)


async def test_of_a_token_that_is_over_no_hash_is_kept(store: Store) -> None:
    """So that no answer's time tells that there was one (threats T30)."""
    scope = await store.access.scope("test")
    lasting = await store.access.create_token("lasting", Role.VIEWER, lifetime=timedelta(days=1))
    await store.access.create_token("expired", Role.VIEWER, lifetime=timedelta(0))
    await store.access.create_token("revoked", Role.VIEWER)

    async def kept() -> set[str]:
        async with store.database.begin() as connection:
            query = text("SELECT name FROM api_token WHERE sha256 IS NOT NULL")
            return set((await connection.execute(query)).scalars())

    assert await kept() == {"lasting", "expired", "revoked"}
    (revoked,) = (each.id for each in await store.access.tokens(scope) if each.name == "revoked")
    await store.access.revoke_token(scope, revoked)
    assert await kept() == {"lasting", "expired"}
    await store.access.forget()
    assert await kept() == {"lasting"}
    assert await store.access.by_token(lasting) is not None
    assert {each.name for each in await store.access.tokens(scope)} == {"lasting", "expired", "revoked"}


async def test_reading_with_a_token_writes_once_a_minute_at_most(store: Store) -> None:
    token = await store.access.create_token("busy", Role.VIEWER)

    async def version() -> str:
        async with store.database.begin() as connection:
            return (await connection.execute(text("SELECT xmin::text FROM api_token"))).scalar_one()

    await store.access.by_token(token)
    first = await version()
    for _ in range(3):
        await store.access.by_token(token)
    assert await version() == first


async def test_a_workspace_that_is_not_there_is_said(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.access.create_token("x", Role.ADMIN, workspace_name="nowhere")
    with pytest.raises(NotFound):
        await store.access.scope("x", workspace_name="nowhere")

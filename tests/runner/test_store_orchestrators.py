"""Orchestrators as rows: revisions are kept whole and saving is safe against others who save."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from runner.errors import NotFound, Stale
from runner.model import Scope
from runner.store import Store
from tests.factories import make_graph, make_workspace, open_store


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as found:
        yield found


@pytest_asyncio.fixture
async def scope(store: Store) -> Scope:
    return await store.access.scope("ann")


async def test_saves_at_the_same_time_give_one_revision_each(store: Store, scope: Scope) -> None:
    made = await store.orchestrators.create(scope, "x", "", make_graph("A"))
    saved = await asyncio.gather(*(store.orchestrators.save(scope, made.id, name=f"n{n}") for n in range(8)))
    assert sorted(s.revision for s in saved) == list(range(2, 10))
    kept = await store.orchestrators.revisions(scope, made.id, limit=100)
    assert [r.revision for r in kept] == list(range(9, 0, -1))


async def test_of_saves_that_expect_one_revision_one_wins(store: Store, scope: Scope) -> None:
    made = await store.orchestrators.create(scope, "x", "", make_graph("A"))
    results = await asyncio.gather(
        *(store.orchestrators.save(scope, made.id, name=f"n{n}", expected=1) for n in range(8)),
        return_exceptions=True,
    )
    stale = [r for r in results if isinstance(r, Stale)]
    assert len(stale) == 7 and {s.revision for s in stale} == {2}


async def test_a_revision_can_neither_be_changed_nor_removed(store: Store, scope: Scope) -> None:
    made = await store.orchestrators.create(scope, "x", "", make_graph("A"))
    for statement in (
        "UPDATE orchestrator_revision SET definition = '{}'",
        "DELETE FROM orchestrator_revision",
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            async with store.database.begin() as connection:
                await connection.execute(text(statement))
    _, definition = await store.orchestrators.revision(scope, made.id, 1)
    assert definition == make_graph("A").to_json()


async def test_another_workspace_finds_nothing(store: Store, scope: Scope) -> None:
    made = await store.orchestrators.create(scope, "x", "", make_graph("A"))
    await make_workspace(store, "other")
    stranger = await store.access.scope("x", workspace_name="other")
    assert await store.orchestrators.page(stranger, limit=10) == ()
    for call in (
        store.orchestrators.get(stranger, made.id),
        store.orchestrators.save(stranger, made.id, name="y"),
        store.orchestrators.delete(stranger, made.id),
        store.orchestrators.known(stranger, made.id),
        store.orchestrators.revisions(stranger, made.id, limit=1),
        store.orchestrators.revision(stranger, made.id, 1),
        store.orchestrators.get(scope, uuid4()),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await store.orchestrators.get(scope, made.id)).name == "x"

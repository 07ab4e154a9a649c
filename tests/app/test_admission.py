"""More starts at once than a process takes: the next is refused before anything is stored, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from runner.tables import run
from tests.factories import Site, make_graph, site_on


@pytest.fixture
async def narrow(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A web process with one place."""
    async with site_on(database_url, tmp_path, starts_at_once=1) as made:
        yield made


async def start_path(site: Site) -> str:
    scope = await site.store.access.scope("test")
    made = await site.store.orchestrators.create(scope, "made", "", make_graph("A>B"))
    return f"/api/v1/orchestrator/{made.id}/run"


async def test_one_more_than_there_is_room_for_is_refused_and_not_stored(narrow: Site) -> None:
    path = await start_path(narrow)
    async with narrow.store.database.begin() as holding:
        await holding.execute(text("LOCK TABLE node_run IN EXCLUSIVE MODE"))
        first = asyncio.create_task(narrow.client.post(path, json={}))
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'node_run'::regclass")
        async with asyncio.timeout(10):
            while not await holding.scalar(waiting):
                await asyncio.sleep(0.01)
        refused = await narrow.client.post(path, json={})
        assert (await narrow.client.get("/api/v1/orchestrator/runs")).status_code == 200
        assert not first.done()
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert (await first).status_code == 202
    async with narrow.store.database.begin() as connection:
        assert await connection.scalar(select(func.count()).select_from(run)) == 1


async def test_a_request_that_waits_for_its_run_takes_no_place(narrow: Site) -> None:
    path = await start_path(narrow)  # no engine works here: the first will wait its two seconds out
    waiting = asyncio.create_task(narrow.client.post(path, json={}, headers={"Prefer": "wait=2"}))
    async with asyncio.timeout(10):
        while True:
            async with narrow.store.database.begin() as connection:
                if await connection.scalar(select(func.count()).select_from(run)):
                    break
            await asyncio.sleep(0.01)

        async def taken() -> bool:
            return (await narrow.client.post(path, json={})).status_code == 202

        while not await taken():  # it is stored a moment before it leaves its place
            await asyncio.sleep(0.01)
    assert not waiting.done()
    assert (await waiting).headers["preference-applied"] == "wait=2"

"""A stop of the server lets go whoever waits, at once and in an order that loses nothing: streams end with a word and go on
elsewhere after their last line, and requests that wait for a run are answered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.main import create_app
from app.serving import listen, serving
from app.watching import Watchers
from runner.model import Role
from runner.store import Store
from tests.factories import make_graph, make_run, open_store, settings_for, waiting_graph

API = "/api/v1/orchestrator"
STREAMS = 20


@asynccontextmanager
async def site(database_url: str, folder: Path) -> AsyncGenerator[tuple[httpx.AsyncClient, Store]]:
    """As `baton serve` has it, without an engine; its client outlives the server."""
    async with open_store(database_url) as store:
        token = await store.access.create_token("stop", Role.ADMIN)
        on, watchers = listen("127.0.0.1", 0), Watchers()
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{on.getsockname()[1]}",
            headers={"Authorization": f"Bearer {token}"},
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
            timeout=30,
        ) as client:
            app = create_app(settings_for(database_url, folder), engine=False, watchers=watchers)
            async with serving(app, on, watchers.leave):
                yield client, store


class Stream:
    """One open stream, and what it said until it ended."""

    def __init__(self, client: httpx.AsyncClient, path: str) -> None:
        self.said = ""
        self.begun = asyncio.Event()
        self.ended = asyncio.create_task(self._read(client, path))

    async def _read(self, client: httpx.AsyncClient, path: str) -> None:
        async with client.stream("GET", path) as answer:
            assert answer.status_code == 200
            async for text in answer.aiter_text():
                self.said += text
                self.begun.set()


@pytest.mark.timeout(60)
async def test_open_streams_end_with_a_word_and_waiting_requests_are_answered(
    database_url: str, tmp_path: Path
) -> None:
    """None of them is cut, which is what happens to those that are still there when the server's patience is over."""
    streams: list[Stream] = []
    async with site(database_url, tmp_path) as (client, store):
        run_id = await make_run(store, waiting_graph())
        drawing = (await client.get(f"{API}/runs/{run_id}")).json()["orchestratorId"]
        paths = (f"{API}/runs/{run_id}/events", f"{API}/{drawing}/events")
        streams += [Stream(client, paths[n % 2]) for n in range(STREAMS)]
        for each in streams:
            await each.begun.wait()
        published = await store.orchestrators.create(
            await store.access.scope("test"), "slow", "", make_graph("A>B")
        )
        waiting = asyncio.create_task(
            client.post(f"{API}/{published.id}/run", headers={"Prefer": "wait=30"}, json={})
        )
        while not await runs_of(client, published.id):
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        for each in streams:
            await each.ended  # raises where the stream was cut
        answer = await waiting
    assert answer.status_code == 202 and answer.json()["status"] == "PENDING"
    for each in streams:
        *_, last = each.said.removesuffix("\n\n").split("\n\n")
        told = re.fullmatch(r"retry: (\d+)", last)
        assert told is not None and 500 <= int(told[1]) <= 2000, each.said
        assert "event: end" not in each.said, "the run goes on"


async def runs_of(client: httpx.AsyncClient, orchestrator_id: UUID) -> int:
    return len((await client.get(f"{API}/{orchestrator_id}/runs")).json()["items"])


@pytest.mark.timeout(60)
async def test_the_next_server_goes_on_after_the_last_line(database_url: str, tmp_path: Path) -> None:
    async with site(database_url, tmp_path) as (client, store):
        run_id = await make_run(store)
        first = Stream(client, f"{API}/runs/{run_id}/events")
        await first.begun.wait()
    await first.ended
    seen = [int(each) for each in re.findall(r"^id: (\d+)$", first.said, re.M)]
    async with site(database_url, tmp_path) as (client, store):
        await store.runs.cancel(await store.access.scope("test"), run_id)
        whole = await client.get(f"{API}/runs/{run_id}/events", headers={"Last-Event-ID": str(seen[-1])})
    assert whole.text.rstrip().endswith('data: {"status":"CANCELLED"}')
    seen += [int(each) for each in re.findall(r"^id: (\d+)$", whole.text, re.M)]
    assert seen == list(range(1, len(seen) + 1))


def test_who_comes_while_the_server_leaves_is_let_go_too() -> None:
    watchers, rung = Watchers(), asyncio.Event()
    with watchers.woken_by(rung):
        watchers.leave()
        assert rung.is_set() and watchers.leaving
    with watchers.woken_by(late := asyncio.Event()):
        assert watchers.leaving and not late.is_set()

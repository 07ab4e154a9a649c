"""The event stream: replay, live, resume without a gap, end."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from app import watching
from app.api import events
from runner.model import Role
from tests.app.test_runs import BASE, ended, parked, saved
from tests.factories import Site, make_graph, make_run, waiting_graph

Event = tuple[int | None, str, dict[str, Any]]


async def read(
    site: Site, url: str, *, stop_after: int | None = None, after: int | None = None
) -> list[Event]:
    """The events until the stream ends, or the first `stop_after`."""
    found: list[Event] = []
    fields: dict[str, str] = {}
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    async with asyncio.timeout(20), site.client.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                number = int(fields["id"]) if "id" in fields else None
                found.append((number, fields["event"], json.loads(fields["data"])))
                fields = {}
                if stop_after is not None and len(found) == stop_after:
                    return found
    return found


async def test_a_finished_run_is_replayed_whole_and_ends(live: Site) -> None:
    flow = await saved(live, make_graph("A>B"))
    run_id = (await live.client.post(f"{BASE}/{flow}/run", headers={"Prefer": "wait=20"})).json()["id"]
    found = await read(live, f"{BASE}/runs/{run_id}/events")
    *lines, last = found
    assert last == (None, "end", {"status": "COMPLETED"})
    assert [number for number, _, _ in lines] == list(range(1, len(lines) + 1))
    logged = (await live.client.get(f"{BASE}/runs/{run_id}/logs")).json()["items"]
    assert [data for _, _, data in lines] == logged
    assert [kind for _, kind, _ in lines] == [line["kind"] for line in logged]


async def test_a_cut_stream_resumes_without_a_gap(live: Site) -> None:
    flow = await saved(live, waiting_graph())
    run_id = (await live.client.post(f"{BASE}/{flow}/run")).json()["id"]
    url = f"{BASE}/runs/{run_id}/events"
    seen = await read(live, url, stop_after=2)
    rest = asyncio.create_task(read(live, url, after=seen[-1][0]))
    waiting = (await parked(live, run_id))["waiting"]
    path = waiting[0]["callbackUrl"].partition("example.org")[2]
    assert (await live.anonymous.post(path)).status_code == 202
    whole = seen + await rest
    await ended(live, run_id)
    numbers = [number for number, _, _ in whole if number is not None]
    assert numbers == list(range(1, len(numbers) + 1)) and whole[-1][1] == "end"
    by_query = await read(live, f"{url}?lastEventId={numbers[-2]}")
    assert [number for number, _, _ in by_query] == [numbers[-1], None]


async def test_silence_is_filled_with_pings_and_ends_when_the_token_does(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PING_SECONDS", 0.05)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.05)
    run_id = await make_run(site.store)
    scope = await site.store.access.scope("test")
    pings = 0
    url = f"{BASE}/runs/{run_id}/events"
    async with (
        asyncio.timeout(20),
        site.anonymous.stream("GET", url, headers=site.bearer(Role.VIEWER)) as answer,
    ):
        async for line in answer.aiter_lines():
            if line == ": ping":
                pings += 1
                if pings == 2:
                    for token in await site.store.access.tokens(scope):
                        if token.role is Role.VIEWER:
                            await site.store.access.revoke_token(scope, token.id)
    assert pings >= 2


async def test_a_stream_is_refused_like_any_other_answer(site: Site) -> None:
    run_id = await make_run(site.store)
    assert (await site.anonymous.get(f"{BASE}/runs/{run_id}/events")).status_code == 401
    assert (await site.client.get(f"{BASE}/runs/{uuid4()}/events")).status_code == 404
    for wrong in ("-1", "x", str(2**63)):
        bad = await site.client.get(f"{BASE}/runs/{run_id}/events", headers={"Last-Event-ID": wrong})
        assert bad.status_code == 422
    head = await site.client.head(f"{BASE}/runs/{run_id}/events")
    assert head.status_code == 200

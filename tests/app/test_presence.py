"""An open drawing as a stream: who is there, over several web processes, and what others do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app import watching
from app.api import presence
from runner.model import Role
from tests.app.test_runs import BASE, saved
from tests.factories import Site, make_graph, site_on


class Stream:
    """The events of an open drawing, as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self, name: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """The data of the next event of that name that fits; what comes before it is passed over."""
        event = ""
        async with asyncio.timeout(15):
            async for line in self._lines:
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: ") and event == name:
                    data = json.loads(line.removeprefix("data: "))
                    if fits(data):
                        return data
        raise AssertionError(f"the stream ended without {name}")


@asynccontextmanager
async def opened(site: Site, url: str, role: Role = Role.ADMIN) -> AsyncGenerator[Stream]:
    async with site.anonymous.stream("GET", f"{url}/events", headers=site.bearer(role)) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer)


def people(*subjects: str) -> Callable[[Any], bool]:
    return lambda data: {p["subject"] for p in data["people"]} == set(subjects)


@pytest.fixture
async def second(site: Site, database_url: str, tmp_path: Path) -> AsyncGenerator[Site]:
    """Another web process on the same database, with tokens that the first knows too."""
    async with site_on(database_url, tmp_path) as found:
        yield found


async def subject(site: Site, role: Role) -> str:
    return (await site.anonymous.get("/api/v1/session", headers=site.bearer(role))).json()["subject"]


async def test_who_opens_and_closes_is_seen_in_another_process(site: Site, second: Site) -> None:
    url = f"{BASE}/{await saved(site, make_graph('A>B'))}"
    ann, ben = await subject(site, Role.ADMIN), await subject(second, Role.VIEWER)
    async with opened(site, url) as stream:
        await stream.next("people", people(ann))
        async with opened(second, url, Role.VIEWER) as other:
            tab = (await other.next("joined"))["tabId"]
            await stream.next("people", people(ann, ben))
            told = await second.anonymous.put(
                f"{url}/people/{tab}", json={"selected": ["A"]}, headers=second.bearer(Role.VIEWER)
            )
            assert told.status_code == 204
            await stream.next("people", lambda data: {"subject": ben, "selected": ["A"]} in data["people"])
        # The connection was closed, nothing else was said.
        await stream.next("people", people(ann))
    gone = await second.anonymous.put(
        f"{url}/people/{tab}", json={"selected": []}, headers=second.bearer(Role.VIEWER)
    )
    assert gone.status_code == 404


async def test_saves_and_comments_of_others_are_told(site: Site, second: Site) -> None:
    url = f"{BASE}/{await saved(site, make_graph('A>B'))}"
    async with opened(second, url, Role.VIEWER) as stream:
        assert (await stream.next("revision"))["revision"] == 1
        assert await stream.next("comments") == {"changes": 0, "open": 0, "nodes": {}, "pins": []}
        await site.client.post(f"{url}/comments", json={"text": "x", "nodeId": "A"})
        assert await stream.next("comments") == {"changes": 1, "open": 1, "nodes": {"A": 1}, "pins": []}
        await site.client.put(url, json={"name": "renamed"})
        newest = await stream.next("revision")
        assert newest["revision"] == 2 and newest["createdBy"] == await subject(site, Role.ADMIN)


async def test_pings_are_to_be_answered_and_end_with_the_token(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "PING_SECONDS", 0.05)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.05)
    url = f"{BASE}/{await saved(site, make_graph('A>B'))}"
    scope = await site.store.access.scope("test")
    async with opened(site, url, Role.VIEWER) as stream:
        await stream.next("ping")
        for token in await site.store.access.tokens(scope):
            if token.role is Role.VIEWER:
                await site.store.access.revoke_token(scope, token.id)
        with pytest.raises(AssertionError, match="ended without never"):
            await stream.next("never")


async def test_the_stream_ends_when_the_drawing_is_deleted(site: Site) -> None:
    url = f"{BASE}/{await saved(site, make_graph('A>B'))}"
    async with opened(site, url) as stream:
        await stream.next("revision")
        await site.client.delete(url)
        with pytest.raises(AssertionError, match="ended without never"):
            await stream.next("never")


async def test_it_is_refused_like_any_other_answer(site: Site) -> None:
    url = f"{BASE}/{await saved(site, make_graph('A>B'))}"
    assert (await site.anonymous.get(f"{url}/events")).status_code == 401
    assert (await site.client.get(f"{BASE}/{uuid4()}/events")).status_code == 404
    assert (await site.client.head(f"{url}/events")).status_code == 200
    many = await site.client.put(f"{url}/people/{uuid4()}", json={"selected": ["A"] * 21})
    assert many.status_code == 422
    # A HEAD has nothing open.
    scope = await site.store.access.scope("test")
    look = await site.store.presence.look(scope, (await site.client.get(url)).json()["id"])
    assert look.people == ()

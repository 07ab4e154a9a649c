"""Slow and greedy clients on real sockets: each loses its own place, and nobody else's (threats T14)."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import connection
from app.connection import HEAD_BYTES, make_room
from app.main import create_app
from app.serving import listen, serving
from runner.model import Role
from tests.factories import make_graph, open_store, settings_for

pytestmark = pytest.mark.timeout(120)
API = "/api/v1/orchestrator"
SLOW = Path(__file__).parent / "slow_clients.py"


class Held:
    """An app that answers at once, or at /held when it is let go, or at /much without an end; it reads no body."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.held = asyncio.Semaphore(0)
        self.gone = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/held":
            self.held.release()
            await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/much":
            leaving = asyncio.create_task(self._left(receive))
            while not self.gone.is_set():
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                await asyncio.sleep(0)  # a send to nobody returns at once
            await leaving
        await send({"type": "http.response.body", "body": b"ok"})

    async def _left(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def rest(self) -> bytes:
        """Until the server has closed."""
        found = b""
        async with asyncio.timeout(30):
            with suppress(ConnectionResetError):
                while piece := await self.reader.read(65536):
                    found += piece
        self.writer.close()
        return found

    async def answer(self) -> bytes:
        async with asyncio.timeout(30):
            head = await self.reader.readuntil(b"\r\n\r\n")
            return head + await self.reader.readuntil(b"0\r\n\r\n")


Dial = Callable[[], Awaitable[Client]]


@asynccontextmanager
async def door(app: Any, most: int = 100) -> AsyncGenerator[Dial]:
    on = listen("127.0.0.1", 0)
    port, made = on.getsockname()[1], list[Client]()

    async def dial() -> Client:
        made.append(Client(*await asyncio.open_connection("127.0.0.1", port)))
        return made[-1]

    async with serving(app, on, connections=most):
        try:
            yield dial
        finally:
            for each in made:
                each.writer.close()


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HELD = b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


def told(raw: bytes) -> dict[str, Any]:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head and b"connection: close" in head
    return json.loads(body)


async def test_a_head_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connection, "IDLE_SECONDS", 30.0)
    async with door(Held()) as dial:
        assert await (await dial()).rest() == b"", "who says nothing is told nothing"
        half = await dial()
        await half.say(GET[:-2])
        assert (told(await half.rest())["status"], half.reader.at_eof()) == (408, True)
        dripping = await dial()

        async def drip() -> None:
            await dripping.say(b"GET / HTTP/1.1\r\n")
            while True:
                await dripping.say(b"X: y\r\n")
                await asyncio.sleep(0.01)

        drops = asyncio.create_task(drip())
        assert told(await dripping.rest())["code"] == "too-slow", "a byte now and then buys no time"
        drops.cancel()
        again = await dial()
        await again.say(GET)
        assert b" 200 " in await again.answer()
        await again.say(GET[:-2])
        assert told(await again.rest())["code"] == "too-slow", "of the second request, too"


async def test_a_body_that_nobody_reads_has_its_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REST_SECONDS", 0.3)
    async with door(Held()) as dial:
        client = await dial()
        await client.say(POST)
        assert b" 200 " in await client.answer()

        async def drip() -> None:
            while True:
                await client.say(b"x")
                await asyncio.sleep(0.01)

        drops = asyncio.create_task(drip())
        assert await client.rest() == b""
        drops.cancel()


async def test_a_connection_that_has_asked_everything_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order in which answer and body came to their ends."""
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.2)
    async with door(Held()) as dial:
        for first, then in ((GET, b""), (POST, b"x" * 1000), (POST + b"x" * 1000, b"")):
            client = await dial()
            await client.say(first)
            await client.answer()
            await client.say(then)
            assert await client.rest() == b""
        client = await dial()
        await client.say(GET * 3)
        assert [b" 200 " in await client.answer() for _ in range(3)] == [True] * 3
        assert await client.rest() == b""


@pytest.mark.parametrize(
    "endless",
    [
        b"GET / HTTP/1.1\r\nX: " + b"y" * 65536,
        b"GET /" + b"y" * 65536,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 12_000,
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 40_000,
    ],
    ids=["a header", "an address", "headers", "trailers"],
)
async def test_a_head_has_an_end(endless: bytes) -> None:
    async with door(Held()) as dial:
        client = await dial()
        for at in range(0, len(endless), 1000):
            await client.say(endless[at : at + 1000])
        await client.say(endless[-1:] * HEAD_BYTES)
        said = await client.rest()
    if b"chunked\r\n" in endless:
        assert b" 200 " in said or said == b""  # it was answered before its trailers came
    else:
        assert told(said)["status"] in (400, 431) and b" 431 " in said[:40] + b" 431 " * (
            b" 400 " in said[:20]
        )


async def test_who_does_not_take_the_answer_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "TAKING_SECONDS", 0.3)
    app = Held()
    async with door(app) as dial:
        client = await dial()
        await client.say(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(30):
            await app.gone.wait()


async def test_one_more_takes_the_place_of_whoever_asked_nothing_for_longest() -> None:
    app = Held()
    async with door(app, most=3) as dial:
        busy, silent, half = await dial(), await dial(), await dial()
        await busy.say(HELD)
        await app.held.acquire()
        await silent.say(GET[:5])
        await half.say(POST + b"x")
        assert b" 200 " in await half.answer()
        for gone in (silent, half):  # the body of the last is not there yet
            more = await dial()
            await more.say(HELD)
            await app.held.acquire()
            assert await gone.rest() == b""
        over = await dial()
        await over.say(GET)
        refused = await over.rest()
        assert told(refused)["code"] == "overloaded" and b"\r\nretry-after: 1\r\n" in refused
        app.go.set()
        assert b" 200 " in await busy.answer()
        again = await dial()  # there is one that has its answer
        await again.say(GET)
        assert b" 200 " in await again.answer()


async def test_a_thousand_slow_clients_keep_nobody_out(database_url: str, tmp_path: Path) -> None:
    """Half of them send heads, half bodies, a byte now and then, and each comes again when it is put out. 600 have a place, so that
    hundreds are put out and come again all the time."""
    on = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    app = create_app(settings_for(database_url, tmp_path), engine=False)
    async with open_store(database_url) as store, serving(app, on, connections=600):
        scope = await store.access.scope("test")
        flow = await store.orchestrators.create(scope, "still", "", make_graph("A>B"))
        token = await store.access.create_token("slow", Role.OPERATOR)
        headers = {"Authorization": f"Bearer {token}"}
        slow = await asyncio.create_subprocess_exec(
            sys.executable,
            str(SLOW),
            url,
            "1000",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert slow.stdin is not None and slow.stdout is not None
        try:
            assert await slow.stdout.readline() == b"all have said something\n"
            for _ in range(10):
                async with httpx.AsyncClient(
                    base_url=url, headers=headers, trust_env=False, timeout=30
                ) as client:
                    assert (await client.get("/healthz")).status_code == 200
                    assert (await client.post(f"{API}/{flow.id}/run", json={})).status_code == 202
            assert slow.returncode is None, "they were there all the time"
        finally:
            slow.stdin.close()
            await slow.wait()


def test_files_are_allowed_for_as_many() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, before[1]))
        make_room(1000)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(1512, before[1]), before[1])
        make_room(10)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 1000, "never fewer"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

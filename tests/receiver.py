"""A plain webhook receiver: keeps what it got, answers as its path says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from providers.sandbox._asgi import Ask, Reply, Sandbox
from tests.serving import served


class Receiver(Sandbox):
    """`/ok` echoes; `/status/503` answers so; `/flaky/2` fails twice, then echoes; `/hang` never answers; `/text` is no JSON;
    `/callback-first` calls the body's `callbackUrl` back before it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.url = ""
        self.got: list[Ask] = []
        self.statuses: list[int] = []
        self.released = asyncio.Event()
        self._failures = 0
        self.route("*", "/ok", self._ok)
        self.route("*", "/text", self._text)
        self.route("*", "/status/{code}", self._status)
        self.route("*", "/flaky/{times}", self._flaky)
        self.route("*", "/hang", self._hang)
        self.route("*", "/callback-first", self._callback_first)

    @property
    def bodies(self) -> list[Any]:
        return [ask.json() for ask in self.got]

    async def _ok(self, ask: Ask) -> Reply:
        self.got.append(ask)
        return Reply(200, {"echo": ask.json()})

    async def _text(self, ask: Ask) -> Reply:
        self.got.append(ask)
        return Reply(200, text="plain words")

    async def _status(self, ask: Ask) -> Reply:
        self.got.append(ask)
        return Reply(int(ask.params["code"]), {"message": "as asked"})

    async def _flaky(self, ask: Ask) -> Reply:
        self.got.append(ask)
        self._failures += 1
        if self._failures <= int(ask.params["times"]):
            return Reply(503, {"message": "not yet"})
        return Reply(200, {"tries": self._failures})

    async def _hang(self, ask: Ask) -> Reply:
        self.got.append(ask)
        await self.released.wait()
        return Reply(200, {})

    async def _callback_first(self, ask: Ask) -> Reply:
        self.got.append(ask)
        body = ask.json()
        self.statuses.append(await self.post(body["callbackUrl"], {"early": body.get("n")}))
        return Reply(200, {"message": "started"})


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    """One on a real socket; its `url` is its base."""
    app = Receiver()
    async with served(app) as app.url:
        yield app

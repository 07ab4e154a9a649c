"""A receiver with the manners that crash tests need: it holds the first call of a path for ever, and answers the next."""

from __future__ import annotations

import asyncio
from collections import Counter

from providers.sandbox._asgi import Ask, Reply
from tests.receiver import Receiver


class Site(Receiver):
    """`/hold-first` never answers its first call and answers all others; `/slow` answers after a moment."""

    def __init__(self) -> None:
        super().__init__()
        self._met: Counter[str] = Counter()
        self.route("*", "/hold-first", self._hold_first)
        self.route("*", "/slow", self._slow)

    async def _hold_first(self, ask: Ask) -> Reply:
        self.got.append(ask)
        self._met[ask.headers["idempotency-key"]] += 1
        if self._met[ask.headers["idempotency-key"]] == 1:
            await self.released.wait()
        return Reply(200, {"echo": ask.json()})

    async def _slow(self, ask: Ask) -> Reply:
        self.got.append(ask)
        await asyncio.sleep(0.2)
        return Reply(200, {"echo": ask.json()})

    def keys(self) -> list[str]:
        return [ask.headers["idempotency-key"] for ask in self.got]

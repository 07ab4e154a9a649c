"""Waiting for news, and streaming it: the bell is a hint, so whoever waits also looks every 2 seconds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager, suppress

POLL_SECONDS = 2.0
PING_SECONDS = 15.0
"""Longest silence of an event stream."""
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
"""Of an event stream: nothing on the way may keep or gather it."""


class Watchers:
    """Whoever waits in one process: open event streams, and requests that wait for a run to end. A stop lets them go at once,
    instead of being held by them until its patience is over."""

    def __init__(self) -> None:
        self.leaving = False
        self._bells: set[asyncio.Event] = set()

    @contextmanager
    def woken_by(self, rung: asyncio.Event) -> Generator[asyncio.Event]:
        """`rung` is also set when the server stops; who clears it looks at `leaving` afterwards."""
        self._bells.add(rung)
        try:
            yield rung
        finally:
            self._bells.discard(rung)

    def leave(self) -> None:
        """The server stops: whoever waits comes to an end now, and so does who begins to."""
        self.leaving = True
        for rung in self._bells:
            rung.set()


def come_back() -> str:
    """A stream's last word at a stop: come back in 0.5 to 2 seconds, not all at once (WHATWG: Server-sent events, `retry`)."""
    return f"retry: {random.randint(500, 2000)}\n\n"


async def woken(rung: asyncio.Event, at_most: float | None = None) -> None:
    """Returns when the bell rang, and after `POLL_SECONDS` or `at_most` seconds at the latest."""
    with suppress(TimeoutError):
        await asyncio.wait_for(rung.wait(), min(POLL_SECONDS, at_most or POLL_SECONDS))


async def nothing() -> AsyncGenerator[str]:
    """The body of a HEAD."""
    for each in ():
        yield each

"""Waiting for news, and streaming it: the bell is a hint, so whoever waits also looks every 2 seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

POLL_SECONDS = 2.0
PING_SECONDS = 15.0
"""Longest silence of an event stream."""
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
"""Of an event stream: nothing on the way may keep or gather it."""


async def woken(rung: asyncio.Event, at_most: float | None = None) -> None:
    """Returns when the bell rang, and after `POLL_SECONDS` or `at_most` seconds at the latest."""
    with suppress(TimeoutError):
        await asyncio.wait_for(rung.wait(), min(POLL_SECONDS, at_most or POLL_SECONDS))


async def nothing() -> AsyncGenerator[str]:
    """The body of a HEAD."""
    for each in ():
        yield each

"""Waiting for news of a run: the bell is a hint, so whoever waits also looks every 2 seconds."""

from __future__ import annotations

import asyncio
from contextlib import suppress

POLL_SECONDS = 2.0


async def woken(rung: asyncio.Event, at_most: float | None = None) -> None:
    """Returns when the bell rang, and after `POLL_SECONDS` or `at_most` seconds at the latest."""
    with suppress(TimeoutError):
        await asyncio.wait_for(rung.wait(), min(POLL_SECONDS, at_most or POLL_SECONDS))

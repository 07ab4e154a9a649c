"""Following something to its end, with a deadline and no fixed waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from providers import Execution, Page, Provider, RemoteWorkflow

DEADLINE = 90.0
"""Seconds: a real platform on a busy machine, and still no waiting for ever."""

T = TypeVar("T")


async def eventually(probe: Callable[[], Awaitable[T | None]], seconds: float = DEADLINE) -> T:
    """The first true answer of `probe`. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := await probe()):
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.1)
    return answer


async def poll_until(
    provider: Provider[Any], execution: Execution, condition: Callable[[Execution], bool]
) -> Execution:
    """Poll at the pace the provider asks for until `condition` holds. Fails after DEADLINE, or at another end."""
    deadline = time.monotonic() + DEADLINE
    while not condition(execution):
        assert not execution.state.final, f"ended otherwise: {execution}"
        assert time.monotonic() < deadline, f"waited in vain: {execution}"
        await asyncio.sleep(execution.poll_after or 0.1)
        # As the engine keeps it between two polls: through its stored form.
        kept = Execution.model_validate(execution.model_dump(mode="json", by_alias=True))
        execution = await provider.poll(kept)
    return execution


async def ended(provider: Provider[Any], execution: Execution) -> Execution:
    return await poll_until(provider, execution, lambda seen: seen.state.final)


async def listed(provider: Provider[Any]) -> list[Page[RemoteWorkflow]]:
    """Every page of the list."""
    pages = [await provider.list_workflows()]
    while pages[-1].cursor is not None:
        pages.append(await provider.list_workflows(cursor=pages[-1].cursor))
    return pages

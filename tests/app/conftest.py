from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.factories import Site, site_on


@pytest_asyncio.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """The web without an engine: runs are created and stand still."""
    async with site_on(database_url, tmp_path) as found:
        yield found


@pytest_asyncio.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """Web and engine in one loop, as `baton serve` runs them."""
    async with site_on(database_url, tmp_path, engine=True) as found:
        yield found

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from app.passwords import Passwords
from tests.app.oidc_browser import site_with, table
from tests.app.team import PASSWORD
from tests.factories import Site, site_on
from tests.oidc_issuer import MockIssuer, issuing


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


@pytest_asyncio.fixture
async def corp() -> AsyncIterator[MockIssuer]:
    """An issuer at which Ann Lee signs in."""
    async with issuing() as found:
        yield found


@pytest_asyncio.fixture
async def open_site(database_url: str, tmp_path: Path, corp: MockIssuer) -> AsyncIterator[Site]:
    """With that issuer, where newcomers are viewers and addresses are linked."""
    async with site_with(
        database_url, tmp_path, table("corp", corp, newcomers="viewer", link_by_email=True)
    ) as site:
        yield site


@pytest_asyncio.fixture
async def hashed() -> str:
    """Of PASSWORD."""
    return await Passwords().hash(PASSWORD)

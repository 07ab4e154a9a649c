"""The runner under test: a store on a database of its own, and an engine that is driven by hand."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import select

from providers import discover
from runner.database import Database
from runner.engine import Engine, EngineOptions
from runner.model import Role, Scope
from runner.platforms import Platforms
from runner.store import Store
from runner.tables import workspace
from runner.template import Templates
from runner.vault import Vault
from tests.faults.bench import Bench
from tests.faults.nursery import Nursery
from tests.faults.site import Site
from tests.receiver import Receiver, receiving
from tests.serving import served

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def key() -> bytes:
    """What the store seals with."""
    return secrets.token_bytes(32)


@pytest.fixture
async def store(database_url: str, key: bytes) -> AsyncIterator[Store]:
    database = Database(database_url, size=8)
    yield Store(database, Vault([("test", key)]), discover())
    await database.aclose()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


@pytest.fixture
async def bench(
    nursery: Nursery, database_url: str, key: bytes, store: Store, scope: Scope
) -> AsyncIterator[Bench]:
    """Workers in processes of their own, on this test's database and with its key."""
    site = Site()
    async with served(site) as url:
        site.url = url
        with nursery.cleared():
            yield Bench(nursery, database_url, key, store, scope, site)
        site.released.set()


@pytest.fixture
async def scope(store: Store) -> Scope:
    async with store.database.begin() as connection:
        found = await connection.scalar(select(workspace.c.id).where(workspace.c.name == "default"))
    assert found is not None
    return Scope(found, "tester", Role.ADMIN)


@pytest.fixture
async def engine(store: Store) -> AsyncIterator[Engine]:
    async with Templates() as templates:
        platforms = Platforms(store.connections, discover(), egress_allow=LOOPBACK)
        made = Engine(
            store,
            platforms,
            templates,
            EngineOptions("http://127.0.0.1:8000", lease=2.0, grace=2.0, allow=LOOPBACK),
        )
        yield made
        await made.aclose()
        await platforms.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A webhook receiver on a real socket; `receiver.url` is its base."""
    async with receiving() as found:
        yield found
